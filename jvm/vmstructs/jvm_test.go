package vmstructs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sleeper starts as many threads as its argument says, reports it and waits.
const sleeper = `
public class Sleeper {
    public static void main(String[] args) throws Exception {
        for (int i = 0; i < Integer.parseInt(args[0]); i++) {
            Thread t = new Thread(() -> { try { Thread.sleep(600_000); } catch (InterruptedException e) { } }, "sleeper-" + i);
            t.setDaemon(true);
            t.start();
        }
        System.out.println("ready");
        Thread.sleep(600_000);
    }
}
`

// jvm is a real JVM that runs sleeper.
type jvm struct {
	pid     int
	process *os.Process
	base    uint64
}

// startJVM runs the java of the path.
func startJVM(t testing.TB, threads int, flags ...string) *jvm {
	t.Helper()
	source := filepath.Join(t.TempDir(), "Sleeper.java")
	if err := os.WriteFile(source, []byte(sleeper), 0o600); err != nil {
		t.Fatal(err)
	}
	// A compiler thread that starts or ends between two reads would differ.
	args := append(flags, "-Xmx256m", "-XX:-UseDynamicNumberOfCompilerThreads", source, strconv.Itoa(threads))
	cmd := exec.Command("java", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && line != "ready\n" {
			err = fmt.Errorf("java said %q", line)
		}
		ready <- err
	}()
	select {
	case err := <-ready:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("java is not ready after a minute")
	}
	return &jvm{pid: cmd.Process.Pid, process: cmd.Process, base: mappedAt(t, cmd.Process.Pid, "libjvm.so")}
}

// mappedAt returns where the file whose path has name in it is mapped.
func mappedAt(t testing.TB, pid int, name string) uint64 {
	t.Helper()
	base, err := findMapped(pid, name)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func findMapped(pid int, name string) (uint64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) > 5 && fields[2] == "00000000" && strings.Contains(fields[5], name) {
			start, _, _ := strings.Cut(fields[0], "-")
			return strconv.ParseUint(start, 16, 64)
		}
	}
	return 0, fmt.Errorf("%s is not mapped by process %d", name, pid)
}

// open opens a Reader on the JVM.
func (j *jvm) open(t testing.TB, flags ...string) *Reader {
	t.Helper()
	r, err := Open(Options{PID: j.pid, Base: j.base, Flags: flags, Names: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// read1 reads once and wants no part to fail.
func read1(t testing.TB, r *Reader) Snapshot {
	t.Helper()
	got, err := r.Read(false)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) > 0 {
		t.Fatal(got.Errors)
	}
	return got
}

// jcmd asks the JVM itself.
func (j *jvm) jcmd(t testing.TB, command ...string) string {
	t.Helper()
	out, err := exec.Command("jcmd", append([]string{strconv.Itoa(j.pid)}, command...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("jcmd %v: %v: %s", command, err, out)
	}
	return string(out)
}
