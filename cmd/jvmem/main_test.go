package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func noEnv(string) string { return "" }

// runMain runs a command that exits without a signal.
func runMain(t *testing.T, getenv func(string) string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, getenv, &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	everyCommand := []string{"serve", "breakdown", "version", "JVMEM_", "jvmem breakdown --pid 4711", "curl "}
	for args, want := range map[string][]string{
		"help": everyCommand, "--help": everyCommand, "-h": everyCommand,
		"serve --help":     {"jvmem serve --container-name app", "curl ", "--listen string", "--interval duration", "10s", "--pid int", "--max-cpu cpu", "(default 1m)", "JVMEM_POD_NAME"},
		"serve -h":         {"--log-interval duration"},
		"--listen :1 -h":   {"--log-interval duration"},
		"breakdown --help": {"jvmem breakdown --pid 4711 --format json", "kubectl exec", "--pid int", "Exit code: 0 complete, 3 partial"},
	} {
		code, stdout, stderr := runMain(t, noEnv, strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("jvmem %s: exit code %d, %q", args, code, stderr)
		}
		for _, text := range want {
			if !strings.Contains(stdout, text) {
				t.Errorf("jvmem %s lacks %q:\n%s", args, text, stdout)
			}
		}
	}
	for _, args := range []string{"version", "--version"} {
		if code, stdout, stderr := runMain(t, noEnv, args); code != 0 || stdout != "jvmem "+version+"\n" || stderr != "" {
			t.Errorf("jvmem %s: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

func TestErrors(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	for _, tt := range []struct {
		args string
		env  string // NAME=value
		want []string
	}{
		{"destroy", "", []string{`unknown command "destroy"`, "serve, breakdown, owners, get, diagnose or version"}},
		{"help destroy", "", []string{`unknown command "destroy"`}},
		{"serve --nothing", "", []string{"jvmem serve: ", "--nothing"}},
		{"--nothing", "", []string{"jvmem serve: ", "--nothing"}},
		{"serve now", "", []string{`unexpected argument "now"`}},
		{"serve --interval soon", "", []string{"--interval", "soon"}},
		{"serve --interval 99ms", "", []string{"--interval 99ms", "at least 100ms"}},
		{"serve --max-cpu=-1", "", []string{"--max-cpu", "-1", "0 or more"}},
		{"serve", "JVMEM_MAX_CPU=NaN", []string{"JVMEM_MAX_CPU", "NaN", "0 or more"}},
		{"serve --log-interval=-1s", "", []string{"--log-interval -1s"}},
		{"serve --pid x", "", []string{"--pid"}},
		{"serve --proc " + proc + " --listen " + taken.Addr().String(), "", []string{"listen for HTTP", taken.Addr().String(), "fix: set --listen"}},
		{"serve", "JVMEM_INTERVAL=soon", []string{"environment variable JVMEM_INTERVAL", `"soon"`}},
		{"serve --retention 1m", "", []string{"--retention 1m", "at least 10m"}},
		{"serve --web.config.file " + proc + "/none", "", []string{"web configuration", proc + "/none"}},
		{"serve --evidence heap,trace", "", []string{`--evidence "heap,trace"`, "trace and gains need jfr"}},
		{"serve --evidence all", "", []string{`--evidence "all"`, "heap"}},
		{"serve --user root", "", []string{`--user "root"`, "jvm or empty"}},
		{"breakdown", "JVMEM_USER=1000", []string{`--user "1000"`, "jvm or empty"}},
		{"evidence --kind kernel", "", []string{`--kind "kernel"`, "must be one of threads, class_loader"}},
		{"evidence --kind heap --duration 0s", "", []string{"--duration 0s", "1s to 1h"}},
		{"evidence --kind heap --proc " + proc, "", []string{"no HotSpot JVM"}},
		{"heapdump --max-stop 0s", "", []string{"--max-stop 0s", "more than 0"}},
		{"heapdump --proc " + proc, "", []string{"no HotSpot JVM"}},
		{"try", "", []string{`"": must be trim or gc`}},
		{"try gc", "", []string{"full collection", "--yes"}},
		{"try trim --yes --proc " + proc, "", []string{"no HotSpot JVM"}},
		{"diagnose", "", []string{"--file is missing", "curl"}},
		{"diagnose --file " + proc + "/none", "", []string{proc + "/none"}},
		{"diagnose --file /dev/null", "", []string{"/dev/null", "not a history"}},
		{"sizing --file /dev/null", "", []string{"/dev/null", "not a history"}},
		{"sizing --limit 512Q", "", []string{`limit "512Q"`, "such as 512Mi"}},
		{"sizing --listen " + proc, "", []string{"--listen"}},
		{"breakdown", "JVMEM_PID=x", []string{"environment variable JVMEM_PID"}},
		{"breakdown --format xml", "", []string{`--format "xml"`, "text or json"}},
		{"breakdown", "JVMEM_FORMAT=xml", []string{`"xml"`}},
		{"breakdown --pid " + strconv.Itoa(gone.Process.Pid), "", []string{fmt.Sprintf("process %d: no such process", gone.Process.Pid)}},
		{"breakdown --pid -1", "", []string{"no such process"}},
		{"breakdown --pid " + strconv.Itoa(os.Getpid()), "", []string{fmt.Sprintf("process %d: not a HotSpot JVM", os.Getpid())}},
		{"breakdown --proc " + proc, "", []string{"no HotSpot JVM in this PID namespace", "fix: ", "shareProcessNamespace"}},
		{"breakdown --proc " + proc + "/none", "", []string{proc + "/none"}},
	} {
		getenv := func(name string) string {
			if key, value, _ := strings.Cut(tt.env, "="); key == name {
				return value
			}
			return ""
		}
		code, stdout, stderr := runMain(t, getenv, strings.Fields(tt.args)...)
		if code != 1 || stdout != "" {
			t.Errorf("%s jvmem %s: exit code %d, stdout %q", tt.env, tt.args, code, stdout)
		}
		for _, text := range tt.want {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s jvmem %s: %q lacks %q", tt.env, tt.args, stderr, text)
			}
		}
	}
	for _, args := range []string{"version", "help"} {
		if code := run(t.Context(), []string{args}, noEnv, closed{}, io.Discard); code != 1 {
			t.Errorf("%s with a closed stdout: exit code %d", args, code)
		}
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

// TestFlagsFromEnvironment sets each flag by its variable, and only it; the command line
// takes precedence.
func TestFlagsFromEnvironment(t *testing.T) {
	values := map[string][2]string{"string": {"a b", "c"}, "duration": {"7s", "1m0s"}, "int": {"7", "8"}, "cpu": {"500m", "2m"}, "bool": {"true", "false"}}
	for _, c := range commands() {
		for _, f := range c.flagSet() {
			variable := "JVMEM_" + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(f.Name))
			value := values[f.Value.Type()]
			getenv := func(name string) string {
				if name == variable {
					return value[0]
				}
				return ""
			}
			for _, tt := range []struct {
				args []string
				want string
			}{{nil, value[0]}, {[]string{"--" + f.Name + "=" + value[1]}, value[1]}, {[]string{"--" + f.Name + "=" + f.DefValue}, f.DefValue}} {
				flags := newFlags("", io.Discard)
				c.flags(flags)
				if err := parse(flags, tt.args, getenv); err != nil {
					t.Errorf("%s, %s: %v", c.name, variable, err)
				}
				flags.VisitAll(func(other *pflag.Flag) {
					want := other.DefValue
					if other.Name == f.Name {
						want = tt.want
					}
					if got := other.Value.String(); got != want {
						t.Errorf("%s %v with %s=%s: --%s is %q, want %q", c.name, tt.args, variable, value[0], other.Name, got, want)
					}
				})
			}
		}
	}
	var o serveOptions
	flags := newFlags("", io.Discard)
	o.define(flags)
	env := map[string]string{"JVMEM_INTERVAL": "x", "JVMEM_LOG_INTERVAL": "y", "JVMEM_NODE_NAME": "n", "JVMEM_PID": "42"}
	err := parse(flags, nil, func(name string) string { return env[name] })
	if err == nil || !strings.Contains(err.Error(), "JVMEM_INTERVAL") || !strings.Contains(err.Error(), "JVMEM_LOG_INTERVAL") || o.Pod.Node != "n" || o.PID != 42 {
		t.Errorf("two bad variables: %v; pod %+v, PID %d", err, o.Pod, o.PID)
	}
	if err := parse(flags, []string{"--help"}, noEnv); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

// TestServe runs all of it, for a PID namespace without a JVM.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, log := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--proc", t.TempDir(), "--listen", "127.0.0.1:0", "--interval", "100ms", "--max-cpu", "0", "--log-interval", "1ms"}, noEnv, log, &stderr)
		_ = log.Close() // ends the lines
	}()
	checkServing(t, stdout, cancel)
	if got := <-code; got != 0 || stderr.String() != "" {
		t.Errorf("exit code %d, %q", got, stderr.String())
	}
}
