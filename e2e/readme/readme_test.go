// Package readme runs the commands of README.md: every line of a block that is marked
// sh, and in blocks with output the lines that run a command of jvmem in the sidecar.
// Commands that cannot be run here are listed with the test that replaces them.
package readme

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const root = "../.."

// elsewhere has the prefixes of commands that another part of CI covers.
var elsewhere = map[string]string{
	"make test":                "run by .ci/run",
	"export REGISTRY":          "only names the image",
	"make image":               "run by make e2e-image",
	"docker push":              "there is no registry",
	"helm ":                    "run by make e2e-cluster",
	"kubectl ":                 "run by make e2e-cluster",
	"cd charts/jvmem/examples": "run by make e2e-cluster",
}

// commands returns the lines of all blocks marked sh, with continued lines joined.
func commands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	in := false
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		inSidecar, found := strings.CutPrefix(line, "$ kubectl exec POD -c jvmem -- /")
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```sh"
		case found:
			all = append(all, inSidecar)
		case in && line != "" && !strings.HasPrefix(line, "#"):
			all = append(all, line)
		}
	}
	return all
}

// TestCommands runs the commands in order, with a JVM and jvmem serve.
func TestCommands(t *testing.T) {
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	proc := serve(t, filepath.Join(bin, "jvmem"))
	dir := t.TempDir()
	ran := 0
	for _, command := range commands(t) {
		if why := standsFor(command); why != "" {
			t.Logf("%s: %s", command, why)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
		cmd.Dir = dir
		if strings.HasPrefix(command, "make ") {
			cmd.Dir = root
		}
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if strings.HasPrefix(command, "jvmem ") {
			cmd.Env = append(cmd.Env, "JVMEM_PROC="+proc)
		}
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) == 0 && !strings.Contains(command, ">") {
			t.Errorf("%s: %v\n%.2000s", command, err, out)
		}
		ran++
	}
	if ran < 3 {
		t.Errorf("only %d commands ran", ran)
	}
}

func standsFor(command string) string {
	for prefix, why := range elsewhere {
		if strings.HasPrefix(command, prefix) {
			return why
		}
	}
	return ""
}

// serve runs jvmem at its default port, with a JVM, and returns when that has a verdict.
// It returns the folder that jvmem sees as /proc.
func serve(t *testing.T, binary string) string {
	t.Helper()
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 << 20, JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	proc := jvmtest.NewPodProc(t, j.PID)
	p := sidecar.Start(t, sidecar.Options{
		Binary: binary, Address: "localhost:9753", Proc: proc, Flags: []string{"--interval", "100ms", "--max-cpu", "0"},
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		metrics, err := p.Metrics()
		if err == nil && strings.Contains(metrics, "jvmem_growth_bytes_per_hour{") {
			return proc.Dir()
		}
		if time.Now().After(end) {
			t.Fatalf("no JVM has a verdict: %v: %.300s", err, metrics)
		}
	}
}
