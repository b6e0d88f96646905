package sidecar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestOwnProcess runs the binary beside a JVM of the same user, as in a pod: it reads
// all of the JVM, and the JVM's user can read nothing of it. Then its log pipe is stuck
// and the JVM stopped, and it still ends in time.
func TestOwnProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run as another user")
	}
	const user = 65534 // the user nobody: a user without a name has no hsperfdata
	binary := buildBinary(t)
	config := filepath.Join(filepath.Dir(binary), "web.yml")
	if err := os.WriteFile(config, []byte(webUsers), 0o644); err != nil {
		t.Fatal(err)
	}
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}, LimitBytes: 256 << 20, UID: user, GID: user})
	as := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		return c
	}

	look := as(binary, "breakdown", "--pid", fmt.Sprint(j.PID), "--format", "json")
	out, err := look.Output()
	var r struct {
		Containers []struct {
			Sources []struct {
				Name string
				OK   bool
			}
		}
	}
	if err != nil || json.Unmarshal(out, &r) != nil || len(r.Containers) != 1 {
		t.Fatalf("breakdown: %v, %s", err, out)
	}
	for _, s := range r.Containers[0].Sources {
		if !s.OK {
			t.Errorf("source %s failed: %s", s.Name, out)
		}
	}

	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	serve := as(binary, "--listen", port, "--interval", "100ms", "--max-cpu", "0", "--log-interval", "1ms", "--web.config.file", config)
	stdout, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(stdout.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	serve.Stderr = &stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer serve.Process.Kill()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil { // and no more: the pipe gets full
		t.Fatalf("no log: %s, %v, %s", line, err, stderr.String())
	}
	served := &served{url: "http://" + port}
	served.await(t, "it is ready", func() bool { return served.get(t, "/readyz") == "ok\n" })
	for name, status := range map[string]int{"": http.StatusUnauthorized, "a": http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+port+"/breakdown", nil)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" {
			request.SetBasicAuth(name, "fakepassword")
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("user %q: %s, %s", name, answer.Status, text)
		}
	}
	for _, file := range []string{"environ", "maps", "mem", "root/", "fd/", "exe"} {
		path := fmt.Sprintf("/proc/%d/%s", serve.Process.Pid, file)
		if out, err := as("head", "-c1", path).CombinedOutput(); err == nil || !strings.Contains(string(out), "ermission denied") {
			t.Errorf("the JVM's user reads %s: %v, %s", path, err, out)
		}
	}

	time.Sleep(time.Second) // ten lines are more than the pipe takes
	if err := j.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer j.Cmd.Process.Signal(syscall.SIGCONT)
	begun := time.Now()
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended, err := serve.Process.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); jvmtest.Exceeds(t, took, 2*time.Second) || !ended.Success() {
		t.Errorf("it took %s to end, with %s: %s", took, ended, stderr.String())
	}
}

// webUsers is a web configuration with the user a, whose password is fakepassword.
const webUsers = "basic_auth_users:\n  a: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n"

// freePort returns an address on which nothing listens.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// buildBinary builds jvmem, in a folder that any user can enter.
func buildBinary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "jvmem-test-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "jvmem")
	build := exec.Command("go", "build", "-o", binary, "../cmd/jvmem")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}
