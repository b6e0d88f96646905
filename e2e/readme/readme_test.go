// Package readme runs the commands of README.md: every line of a block that is
// marked sh. What cannot be run here is named, with what stands for it.
package readme

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const root = "../.."

// elsewhere are commands that another part of CI runs, by how they begin.
var elsewhere = map[string]string{
	"make test":                 "run by .ci/run",
	"make image":                "run by make e2e-image",
	"docker run":                "run by make e2e-image",
	"helm ":                     "there is no cluster; e2e/chart renders the same with Helm's own code",
	"kubectl ":                  "there is no cluster; e2e/chart decodes the same objects",
	"(cd charts/jvmem/examples": "there is no cluster; e2e/chart renders and patches the same",
}

// commands returns the lines of all blocks marked sh, continued lines joined.
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
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```sh"
		case in && line != "" && !strings.HasPrefix(line, "#"):
			all = append(all, line)
		}
	}
	return all
}

// TestCommands runs them in their order, beside a JVM that jvmem serves.
func TestCommands(t *testing.T) {
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, filepath.Join(bin, "jvmem"))
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
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) == 0 && !strings.Contains(command, ">") {
			t.Errorf("%s: %v\n%.2000s", command, err, out)
		}
		ran++
	}
	if ran < 3 {
		t.Errorf("only %d commands were run", ran)
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

// serve runs jvmem at its usual address, beside a JVM.
func serve(t *testing.T, binary string) {
	t.Helper()
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 << 20, JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	proc := t.TempDir() // a pod's view: not the JVMs of others on this machine
	for _, name := range []string{"self", strconv.Itoa(j.PID)} {
		if err := os.Symlink(filepath.Join("/proc", name), filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "serve", "--proc", proc, "--container-name", "app", "--interval", "100ms", "--max-cpu", "0")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // ended already is told by Wait
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	err := fmt.Errorf("not asked")
	for end := time.Now().Add(time.Minute); err != nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		err = ready()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ready reports whether a JVM was sampled, and judged.
func ready() error {
	r, err := http.Get("http://localhost:9753/metrics")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && !strings.Contains(string(text), "jvmem_growth_bytes_per_hour{") {
		err = fmt.Errorf("no JVM is judged: %.300s", text)
	}
	return err
}
