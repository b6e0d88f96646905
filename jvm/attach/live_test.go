package attach

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func wantVersion(t *testing.T, c *Client) {
	t.Helper()
	got, err := c.Do(t.Context(), VMVersion)
	if err != nil || !strings.Contains(got.Text, "JDK") {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestLiveCommands(t *testing.T) {
	eachJDK(t, func(t *testing.T, java string) {
		p := startJVM(t, os.Geteuid(), java, "-XX:NativeMemoryTracking=detail").awaitReady(t)
		c := p.client(Options{})
		c.openPidfd = func(int) (int, error) { return -1, unix.ENOSYS } // Linux before 5.3
		wantVersion(t, c)
		replies := map[Query]string{}
		for command := VMVersion; int(command) < len(queryTexts); command++ {
			got, err := c.Do(t.Context(), command)
			if (command == NativeHeapInfo || command == CompilerMemory) && errors.Is(err, ErrCommand) && strings.Contains(got.Text, "Unknown diagnostic command") {
				continue // before 21 and 22
			}
			if err != nil || got.Code != 0 || got.Truncated {
				t.Fatalf("%v: code %d, truncated %v, %v", command, got.Code, got.Truncated, err)
			}
			replies[command] = got.Text
		}
		for command, want := range map[Query]string{
			VMInfo: "END.", NativeMemorySummary: "Java Heap (reserved=32768KB",
			MetaspaceBasic: "Both:", MetaspaceNodes: "Virtual space list", CodeCache: "size=", HeapInfo: "tenured",
			ThreadPrint: "JNI global ref", ClassLoaderStats: "<boot class loader>", ClassHistogram: " java.lang.String",
		} {
			if !strings.Contains(strings.ReplaceAll(replies[command], "Tenured", "tenured"), want) {
				t.Errorf("%v: no %q in %.2000s", command, want, replies[command])
			}
		}
		detail := replies[NativeMemoryDetail]
		if len(detail) < 64<<10 || !strings.HasSuffix(detail, "\n") || !strings.HasPrefix(detail, "\nNative Memory Tracking:") {
			t.Errorf("NMT detail: %d bytes, from %.40q to %q", len(detail), detail, detail[max(0, len(detail)-40):])
		}
		p.wantQuiet(t)
	})
}

func TestLiveLostSocket(t *testing.T) {
	eachJDK(t, func(t *testing.T, java string) {
		p := startJVM(t, os.Geteuid(), java).awaitReady(t)
		c := p.client(Options{})
		if c.lostSocket() {
			t.Error("before there was a socket")
		}
		wantVersion(t, c)
		if c.lostSocket() {
			t.Error("its file is there")
		}
		if err := os.Remove(c.socketName()); err != nil {
			t.Fatal(err)
		}
		if !c.lostSocket() {
			t.Error("its file is gone")
		}
		p.wantQuiet(t)
	})
}

// TestLiveLateSignal: a JVM with too little CPU handles SIGQUIT after the handshake has
// failed.
func TestLiveLateSignal(t *testing.T) {
	eachJDK(t, func(t *testing.T, java string) {
		p := startJVM(t, os.Geteuid(), java).awaitReady(t)
		c := p.client(Options{AttachTimeout: 50 * time.Millisecond})
		c.signal = func(int, int) error { return nil }
		_, err := c.Do(t.Context(), VMVersion)
		wantKind(t, err, ErrTimeout)
		if err := syscall.Kill(p.pid, syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if _, err := c.Do(t.Context(), VMVersion); !errors.Is(err, ErrBackOff) {
				break
			}
		}
		wantVersion(t, c)
		p.wantQuiet(t)
	})
}

func TestLiveHungJVM(t *testing.T) {
	java := javas(t)[0]
	p := startJVM(t, os.Geteuid(), java).awaitReady(t)
	impatient, patient := p.client(Options{Timeout: 150 * time.Millisecond}), p.client(Options{})
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(p.pid, s); err != nil {
			t.Fatal(err)
		}
		for stopped := !(s == syscall.SIGSTOP); stopped != (s == syscall.SIGSTOP); time.Sleep(time.Millisecond) {
			status, err := patient.status()
			if err != nil {
				t.Fatal(err)
			}
			stopped = isStopped(status)
		}
	}

	signal(syscall.SIGSTOP)
	_, err := patient.Do(t.Context(), VMVersion)
	wantKind(t, err, ErrStopped)
	signal(syscall.SIGCONT)
	wantVersion(t, patient)

	signal(syscall.SIGSTOP)
	// More than the listener's queue holds, and the JVM answers them all later.
	for range 8 {
		_, err = impatient.Do(t.Context(), VMVersion)
		if e := wantKind(t, err, ErrTimeout); !strings.Contains(e.Reason, "stopped") || e.Fix == "" {
			t.Errorf("reason %q, fix %q", e.Reason, e.Fix)
		}
	}
	signal(syscall.SIGCONT)
	wantVersion(t, patient)

	// A client that says nothing holds the listener.
	silent, err := net.Dial("unix", fmt.Sprintf("/tmp/.java_pid%d", p.pid))
	if err != nil {
		t.Fatal(err)
	}
	_, err = impatient.Do(t.Context(), VMVersion)
	if e := wantKind(t, err, ErrTimeout); !strings.Contains(e.Reason, "another attach client") {
		t.Errorf("reason %q", e.Reason)
	}
	silent.Close()
	wantVersion(t, patient)
	p.wantQuiet(t)
}

func TestLiveNeverKills(t *testing.T) {
	t.Run("sleep", func(t *testing.T) {
		p := start(t, os.Geteuid(), "sleep", "60")
		_, err := p.client(Options{}).Do(t.Context(), VMVersion)
		wantKind(t, err, ErrNotCaught)
		p.wantAlive(t)
	})
	t.Run("a Go program catches SIGQUIT and would exit", func(t *testing.T) {
		p := start(t, os.Geteuid(), "/proc/self/exe", "-test.run=^TestHelper$")
		p.awaitReady(t)
		_, err := p.client(Options{}).Do(t.Context(), VMVersion)
		wantKind(t, err, ErrNotHotSpot)
		p.wantAlive(t)
	})
	t.Run("Xrs", func(t *testing.T) {
		eachJDK(t, func(t *testing.T, java string) {
			p := startJVM(t, os.Geteuid(), java, "-Xrs").awaitReady(t)
			wantVersion(t, p.client(Options{}))
			if err := os.Remove(fmt.Sprintf("/tmp/.java_pid%d", p.pid)); err != nil {
				t.Fatal(err)
			}
			_, err := p.client(Options{}).Do(t.Context(), VMVersion)
			wantKind(t, err, ErrNotCaught)
			p.wantQuiet(t)
		})
	})
}

func TestLiveAttachDisabled(t *testing.T) {
	p := startJVM(t, os.Geteuid(), javas(t)[0], "-XX:+DisableAttachMechanism").awaitReady(t)
	knowing := New(Target{PID: p.pid, AttachDisabled: true}, Options{})
	_, err := knowing.Do(t.Context(), VMVersion)
	wantKind(t, err, ErrDisabled)
	p.wantQuiet(t)

	// Who does not know costs the application one thread dump, not one a call.
	c := p.client(Options{AttachTimeout: 500 * time.Millisecond})
	for _, kind := range []Kind{ErrTimeout, ErrBackOff, ErrBackOff} {
		_, err := c.Do(t.Context(), VMVersion)
		if e := wantKind(t, err, kind); !strings.Contains(e.Fix, "DisableAttachMechanism") {
			t.Errorf("fix %q", e.Fix)
		}
	}
	p.wantAlive(t)
	if dumps := strings.Count(p.said(), "Full thread dump"); dumps != 1 {
		t.Errorf("%d thread dumps", dumps)
	}
}

// A client that was connected needs no file, so no signal either. For another one the JVM
// opens a new socket, which the first client then finds.
func TestLiveDeletedSocket(t *testing.T) {
	eachJDK(t, func(t *testing.T, java string) {
		p := startJVM(t, os.Geteuid(), java).awaitReady(t)
		connected := p.client(Options{})
		socket := fmt.Sprintf("/tmp/.java_pid%d", p.pid)
		for range 3 {
			wantVersion(t, connected)
			if err := os.Remove(socket); err != nil {
				t.Fatal(err)
			}
			wantVersion(t, connected)
			if _, err := os.Lstat(socket); err == nil {
				t.Error("it was signalled")
			}
			wantVersion(t, p.client(Options{}))
		}
		wantVersion(t, connected)
		p.wantQuiet(t)
	})
}

// A SIGQUIT that comes before the handler kills: be there from the first moment.
func TestLiveStartingJVM(t *testing.T) {
	const starts = 20
	all := javas(t)
	for i := range starts {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			p := startJVM(t, os.Geteuid(), all[i%len(all)])
			c := p.client(Options{})
			for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Microsecond) {
				_, err := c.Do(t.Context(), VMVersion)
				if err == nil {
					break
				}
				if !errors.Is(err, ErrNotCaught) || time.Now().After(deadline) {
					t.Fatalf("%v: %s", err, p.said())
				}
			}
			p.awaitReady(t).wantQuiet(t)
		})
	}
}

// As deployed: no root, the JVM's own user, and a working directory that is
// not writable. As root: the trigger is given to the JVM's user.
func TestLiveUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		// Without root there is one other user at hand: who runs PID 1.
		_, err := New(Target{PID: 1}, Options{}).Do(t.Context(), VMVersion)
		wantKind(t, err, ErrPermission)
		return
	}
	const user, other = 1000, 1001
	for _, test := range []struct {
		name, want string
		uid        int
	}{
		{"root", "code 0 JDK", 0},
		{"the JVM's own user", "code 0 JDK", user},
		{"another user", "fix set runAsUser: 1000 and runAsGroup: 1000", other},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachJDK(t, func(t *testing.T, java string) {
				p := startJVM(t, user, java).awaitReady(t)
				// The test's binary is in a folder for root only: not by its path.
				cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelper$")
				cmd.Dir = "/"
				cmd.Env = append(os.Environ(), "ATTACH_HELPER="+strconv.Itoa(p.pid), "GORACE=atexit_sleep_ms=0")
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(test.uid), Gid: uint32(test.uid)}}
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), test.want) {
					t.Errorf("%v: %s", err, out)
				}
				p.wantQuiet(t)
			})
		})
	}
}

// TestLiveSharedTmp: two JVMs share a /tmp, each is the first process of a PID namespace of its
// own, and so both have the same socket. Who sees only one of them is not answered by the other.
func TestLiveSharedTmp(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("PID namespaces need root")
	}
	java := javas(t)[0]
	shared := t.TempDir()
	if err := os.CopyFS(shared, os.DirFS(jvmtest.Classes(t, java))); err != nil {
		t.Fatal(err)
	}
	inNamespace := func() *child {
		p := start(t, 0, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `mount --bind "$0" /tmp && exec "$@"`,
			shared, java, "-Xmx32m", "-XX:+UseSerialGC", "-cp", "/tmp", "Workload").awaitReady(t)
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.pid, p.pid))
		if err != nil {
			t.Fatal(err)
		}
		if p.pid, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, second := inNamespace(), inNamespace()
	wantVersion(t, second.client(Options{}))
	_, err := first.client(Options{}).Do(t.Context(), VMVersion) // both are visible
	wantKind(t, err, ErrForeign)

	program, err := os.Open("/proc/self/exe") // its folder is not visible there
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	cmd := exec.Command("nsenter", "--target", strconv.Itoa(first.pid), "--pid", "--mount", "/proc/self/fd/3", "-test.run=^TestHelper$")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), "ATTACH_HELPER=1"), []*os.File{program}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "a process of another PID namespace (UID 0) listens on the attach socket, not the JVM") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestLiveKilledMidReply kills a JVM while it answers: what it said is taken only if it
// is the whole of it.
func TestLiveKilledMidReply(t *testing.T) {
	for i := range 4 {
		p := startJVM(t, os.Geteuid(), javas(t)[0], "-XX:NativeMemoryTracking=detail").awaitReady(t)
		c := p.client(Options{})
		first, err := c.Do(t.Context(), NativeMemoryDetail)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(i)*3*time.Millisecond, func() { _ = syscall.Kill(p.pid, syscall.SIGKILL) })
		for {
			got, err := c.Do(t.Context(), NativeMemoryDetail)
			if err != nil {
				wantKind(t, err, ErrGone)
				t.Logf("%d bytes of %d came before its end", len(got.Text), len(first.Text))
				break
			}
			if got.Truncated || len(got.Text) < len(first.Text)*9/10 || !strings.HasSuffix(got.Text, "\n") {
				t.Fatalf("%d bytes of %d were taken for a whole reply", len(got.Text), len(first.Text))
			}
		}
	}
}
