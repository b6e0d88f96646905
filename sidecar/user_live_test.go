package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/sample"
	"github.com/jvmem/jvmem/sidecar/user"
)

// TestUserOfJVM starts the binary as root with SETUID and SETGID only, beside processes that
// only look like JVMs, then a JVM: it becomes that JVM's user, reads all of it, and has no
// privilege left. A JVM of another user is named.
func TestUserOfJVM(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	removeStale(t)
	const uid, gid, otherUID = 10001, 10011, 10002
	binary := buildBinary(t)
	dir := filepath.Dir(binary)
	fakeJVMs(t, dir)
	state, rootsState, config := filepath.Join(dir, "state"), filepath.Join(dir, "roots-state"), filepath.Join(dir, "web.yml")
	err := errors.Join(os.Mkdir(state, 0o700), os.Chmod(state, 0o777), os.Mkdir(rootsState, 0o755), os.WriteFile(config, []byte(webUsers), 0o400))
	if err != nil {
		t.Fatal(err)
	}

	if code, out := runAs(t, "+setuid,+setgid", binary, "breakdown", "--user=jvm"); code != 1 || !strings.Contains(out, "no HotSpot JVM in this PID namespace; process ") || !strings.Contains(out, "user 10003:10003") {
		t.Fatalf("beside processes that only look like JVMs: exit code %d\n%s", code, out)
	}
	s := startBinary(t, "+setuid,+setgid", binary, "--user=jvm", "--interval=100ms", "--max-cpu=0", "--state-dir", state, "--web.config.file", config)
	s.await(t, "/readyz", func(status int, _ string) bool { return status == http.StatusOK })
	if status, text := s.get(t, "/breakdown"); status != http.StatusServiceUnavailable || !strings.Contains(text, "only probes") {
		t.Errorf("without a JVM: %d, %s", status, text)
	}
	s.checkThreads(t, "Uid: 0 0 0 0", "CapPrm: 00000000000000c0")

	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}, LimitBytes: 256 << 20, UID: uid, GID: gid})
	s.awaitContainer(t, j.PID, func(c *breakdown.Container) bool {
		return c.Complete() && !slices.ContainsFunc(c.Sources, func(s jvm.Source) bool { return !s.OK })
	})
	s.checkThreads(t, "Uid: 10001 10001 10001 10001", "Gid: 10011 10011 10011 10011", "Groups:",
		"CapInh: 0000000000000000", "CapPrm: 0000000000000000", "CapEff: 0000000000000000", "CapAmb: 0000000000000000", "NoNewPrivs: 1")
	for _, file := range []string{"environ", "mem", "fd/", "root/"} {
		c := exec.Command("head", "-c1", fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file))
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "ermission denied") {
			t.Errorf("the JVM's user reads %s of jvmem: %v, %s", file, err, out)
		}
	}

	other := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 << 20, UID: otherUID, GID: otherUID})
	s.awaitContainer(t, other.PID, func(c *breakdown.Container) bool {
		return slices.ContainsFunc(c.Sources, func(s jvm.Source) bool { return strings.Contains(s.Fix, "runAsUser: 10002, runAsGroup: 10002") })
	})
	s.end(t)
	files, err := filepath.Glob(state + "/history-*")
	if err != nil || len(files) == 0 {
		t.Errorf("no history: %v", err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Sys().(*syscall.Stat_t).Uid != uid {
			t.Errorf("%s: %+v, %v", file, info, err)
		}
	}

	// The JVM that started first wins again.
	s = startBinary(t, "+setuid,+setgid,+setpcap,+net_raw", binary, "--user=jvm", "--interval=100ms", "--max-cpu=0", "--state-dir", rootsState)
	s.awaitContainer(t, j.PID, (*breakdown.Container).Complete)
	s.checkThreads(t, "Uid: 10001 10001 10001 10001", "CapBnd: 0000000000000000", "CapEff: 0000000000000000")
	s.end(t)
	for _, want := range []string{
		fmt.Sprintf("taken over the user of the JVM in process %d: UID 10001, GID 10011", j.PID),
		fmt.Sprintf("the JVM in process %d runs as user 10002:10002", other.PID),
		"may not write to --state-dir " + rootsState,
	} {
		if log := s.log(t); !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}

	// Without the capabilities it continues as it was started.
	s = startBinary(t, "", binary, "--user=jvm", "--interval=100ms", "--max-cpu=0")
	s.awaitContainer(t, j.PID, func(c *breakdown.Container) bool { return !c.Complete() })
	s.checkThreads(t, "Uid: 0 0 0 0")
	s.end(t)
	if log := s.log(t); !strings.Contains(log, "without the capabilities SETGID, SETUID") || !strings.Contains(log, user.Fix) {
		t.Errorf("the log lacks what is missing:\n%s", log)
	}
	if code, out := runAs(t, "", binary, "breakdown", "--user=jvm"); code != 3 || !strings.Contains(out, user.Fix) {
		t.Errorf("without capabilities: exit code %d\n%s", code, out)
	}
}

// TestUserOfRootsJVM: beside a JVM of root it remains root, with the capabilities of that JVM
// and no others; with none if it lacks some of them, as it can read nothing then.
func TestUserOfRootsJVM(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	removeStale(t)
	binary := buildBinary(t)
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}, LimitBytes: 256 << 20, Wrap: withCapabilities("+chown,+net_raw").Args})
	for _, tt := range []struct {
		own, kept string
		complete  bool
		logged    string
	}{
		{"+setuid,+setgid,+setpcap,+net_raw,+chown", "0000000000002001", true, fmt.Sprintf("remains root, as is the JVM in process %d", j.PID)},
		{"+setuid,+setgid,+chown", "0000000000000000", false, "capabilities that jvmem lacks (NET_RAW)"},
	} {
		s := startBinary(t, tt.own, binary, "--user=jvm", "--interval=100ms", "--max-cpu=0")
		s.awaitContainer(t, j.PID, func(c *breakdown.Container) bool { return c.Complete() == tt.complete })
		s.checkThreads(t, "Uid: 0 0 0 0", "Gid: 0 0 0 0", "Groups:", "CapInh: 0000000000000000", "CapPrm: "+tt.kept, "CapEff: "+tt.kept, "CapAmb: 0000000000000000")
		s.end(t)
		if log := s.log(t); !strings.Contains(log, tt.logged) {
			t.Errorf("the log lacks %q:\n%s", tt.logged, log)
		}
	}
}

// removeStale removes what killed JVMs and attaches have left in /tmp: a JVM with the same PID,
// which is small in a PID namespace, cannot replace the files of another user.
func removeStale(t *testing.T) {
	t.Helper()
	sockets, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/tmp/.java_pid*", "/tmp/.attach_pid*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			info, err := os.Lstat(file)
			if err == nil && time.Since(info.ModTime()) > time.Minute && !strings.Contains(string(sockets), " "+file) {
				_ = os.Remove(file) // or another test has
			}
		}
	}
}

// fakeJVMs starts a process that has the name of a JVM, and one that has that of a thread of
// HotSpot and whose mappings are closed to its user, as its program file may not be read.
func fakeJVMs(t *testing.T, dir string) {
	t.Helper()
	program, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"java": 0o755, "VM Thread": 0o711} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(path, "600")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 10003, Gid: 10003}}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
	}
}

// withCapabilities returns a command that runs as root with these capabilities only, in the
// way of a container runtime.
func withCapabilities(capabilities string, args ...string) *exec.Cmd {
	set := strings.TrimSuffix("--bounding-set=-all,"+capabilities, ",")
	return exec.Command("setpriv", append([]string{set, "--inh-caps=-all", "--no-new-privs", "--groups=20001"}, args...)...)
}

// runAs runs jvmem to its end.
func runAs(t *testing.T, capabilities string, args ...string) (code int, output string) {
	t.Helper()
	c := withCapabilities(capabilities, args...)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// program is a running binary.
type program struct {
	cmd    *exec.Cmd
	url    string
	stdout string // file
}

func startBinary(t *testing.T, capabilities, binary string, args ...string) *program {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	c := withCapabilities(capabilities, append([]string{binary, "serve", "--listen", port}, args...)...)
	c.Stdout, c.Stderr = stdout, stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return &program{cmd: c, url: "http://" + port, stdout: stdout.Name()}
}

func (p *program) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// get returns status 0 if jvmem does not listen yet.
func (p *program) get(t *testing.T, path string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("a", "fakepassword")
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func (p *program) await(t *testing.T, path string, ok func(status int, text string) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, text := p.get(t, path)
		if ok(status, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %d, %s\n%s", path, status, text, p.log(t))
		}
	}
}

// awaitContainer waits until the report has the container of a JVM as it should be.
func (p *program) awaitContainer(t *testing.T, pid int, ok func(*breakdown.Container) bool) {
	t.Helper()
	p.await(t, "/breakdown", func(status int, text string) bool {
		var r breakdown.Report
		return status == http.StatusOK && json.Unmarshal([]byte(text), &r) == nil &&
			slices.ContainsFunc(r.Containers, func(c breakdown.Container) bool { return c.JVMs[0].PID == pid && ok(&c) })
	})
}

// checkThreads checks that each thread has these lines in its status.
func (p *program) checkThreads(t *testing.T, want ...string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(files) < 2 {
		t.Fatalf("threads %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // one that examined a process
		}
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(text)) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		for _, line := range want {
			if !strings.Contains("\n"+strings.Join(lines, "\n")+"\n", "\n"+line+"\n") {
				t.Errorf("%s lacks %q:\n%s", file, line, text)
			}
		}
	}
}

func (p *program) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, p.log(t))
	}
}

// TestOtherUser: jvmem ends if only a JVM of another user has been running for a minute.
func TestOtherUser(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 << 20})
	log := &lines{}
	for _, tt := range []struct {
		uid  int
		want error
	}{{os.Getuid(), nil}, {10001, errOtherUser}} {
		sampler := sample.New(sample.Options{Proc: jvmtest.NewPodProc(t, j.PID).Dir()})
		defer sampler.Close()
		if _, err := sampler.Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := &loop{sampler: sampler, options: ServeOptions{Log: eventlog.New(log, "test")}, user: &user.JVM{UID: tt.uid, GID: os.Getgid()}}
		if err := l.checkUser(t.Context()); err != nil {
			t.Errorf("at once: %v", err)
		}
		if !l.foreign.IsZero() {
			l.foreign = l.foreign.Add(-foreignGrace)
		}
		if err := l.checkUser(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("as user %d: %v, want %v", tt.uid, err, tt.want)
		}
	}
	if logged := log.of(t, "jvmem.log"); len(logged) != 1 || !strings.Contains(fmt.Sprint(logged), fmt.Sprintf("process %d", j.PID)) {
		t.Errorf("logged %v", logged)
	}
}
