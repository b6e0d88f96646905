package attach

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// onQuit makes the client call f in place of SIGQUIT and counts the calls.
func onQuit(c *Client, f func()) *int {
	calls := new(int)
	c.signal = func(pidfd, _ int) error {
		*calls++
		f()
		return nil
	}
	return calls
}

func wantNoTrigger(t *testing.T, f *jvmtest.Fake) {
	t.Helper()
	for _, dir := range []string{f.Cwd, f.Tmp} {
		if _, err := os.Lstat(filepath.Join(dir, f.Trigger())); err == nil {
			t.Errorf("a trigger file is left in %s", dir)
		}
	}
}

func TestHandshake(t *testing.T) {
	write := func(t *testing.T, dir string, f *jvmtest.Fake) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, f.Trigger()), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, f *jvmtest.Fake)
	}{
		{"first", func(*testing.T, *jvmtest.Fake) {}},
		{"stale socket", func(_ *testing.T, f *jvmtest.Fake) { f.LeaveStaleSocket() }},
		{"trigger left by a client that died", func(t *testing.T, f *jvmtest.Fake) { write(t, f.Tmp, f) }},
		{"deleted working directory", func(t *testing.T, f *jvmtest.Fake) {
			if err := os.Remove(f.Cwd); err != nil {
				t.Fatal(err)
			}
		}},
		{"read-only working directory", func(t *testing.T, f *jvmtest.Fake) {
			makeReadOnly(t, f.Cwd)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := jvmtest.NewFake(t)
			test.prepare(t, f)
			c := newClient(t, f, Options{})
			calls := onQuit(c, func() {
				info, err := os.Lstat(filepath.Join(f.Tmp, f.Trigger()))
				if err != nil {
					t.Fatalf("no trigger at the time of the signal: %v", err)
				}
				if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != 0o600 || int(owner) != os.Geteuid() {
					t.Errorf("trigger of mode %v, UID %d", info.Mode(), owner)
				}
				go func() {
					time.Sleep(20 * time.Millisecond)
					f.Listen(jvmtest.Answer(0, "JDK 17\n"))
				}()
			})
			for range 2 {
				got, err := c.Do(t.Context(), VMVersion)
				if err != nil || got.Text != "JDK 17\n" {
					t.Fatalf("got %+v, %v", got, err)
				}
			}
			if *calls != 1 {
				t.Errorf("signalled %d times", *calls)
			}
			wantNoTrigger(t, f)
		})
	}
}

// makeReadOnly makes dir read-only for every user: the mode bits do not apply to root.
func makeReadOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
		return
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4k"); err != nil {
		t.Fatalf("as root this needs CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// In none of these may a signal be sent or a trigger file be left.
func TestHandshakeNeverSignals(t *testing.T) {
	status := func(state byte, caught uint64) jvmtest.Status {
		return jvmtest.Status{State: state, UID: os.Geteuid(), GID: os.Getegid(), SigCgt: caught}
	}
	// between runs f after the checks, before the signal.
	between := func(c *Client, f func()) {
		open := c.openPidfd
		c.openPidfd = func(pid int) (int, error) {
			fd, err := open(pid)
			f()
			return fd, err
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, f *jvmtest.Fake, c *Client)
		kind    Kind
		fix     string
	}{
		{"attach disabled", func(_ *testing.T, _ *jvmtest.Fake, c *Client) { c.target.AttachDisabled = true }, ErrDisabled, "-XX:+DisableAttachMechanism"},
		{"not caught", func(_ *testing.T, f *jvmtest.Fake, _ *Client) { f.SetStatus(status('S', ^uint64(jvmtest.SigQuit))) }, ErrNotCaught, "-Xrs"},
		{"stopped", func(_ *testing.T, f *jvmtest.Fake, _ *Client) { f.SetStatus(status('T', jvmtest.SigQuit)) }, ErrStopped, "SIGCONT"},
		{"traced", func(_ *testing.T, f *jvmtest.Fake, _ *Client) { f.SetStatus(status('t', jvmtest.SigQuit)) }, ErrStopped, "SIGCONT"},
		{"ended", func(_ *testing.T, f *jvmtest.Fake, _ *Client) { f.SetStat('Z', 4711) }, ErrGone, ""},
		{"no such process", func(t *testing.T, f *jvmtest.Fake, c *Client) { c.target.PID++ }, ErrGone, ""},
		{"PID used again before the first Do", func(_ *testing.T, f *jvmtest.Fake, c *Client) { c.target.StartTime = 4710 }, ErrGone, ""},
		{"no JVM but catches (Go)", func(_ *testing.T, f *jvmtest.Fake, _ *Client) {
			f.SetMaps("00400000-00500000 r-xp 00000000 08:01 7 /app\n")
		}, ErrNotHotSpot, ""},
		{"OpenJ9", func(_ *testing.T, f *jvmtest.Fake, _ *Client) {
			f.SetMaps("7f00-7f01 r-xp 00000000 08:01 7 /jdk/lib/server/libjvm.so\n7f10-7f11 r-xp 00000000 08:01 8 /jdk/lib/default/libj9vm29.so\n")
		}, ErrNotHotSpot, ""},
		{"mappings that are cut", func(_ *testing.T, f *jvmtest.Fake, _ *Client) {
			f.SetMaps("7f00-7f01 r-xp 00000000 08:01 7 /jdk/lib/server/libjvm.so\n7f10-7f11 r-xp 00000000 08:01 8 /jdk/lib/def")
		}, ErrSystem, ""},
		{"no mappings left", func(_ *testing.T, f *jvmtest.Fake, _ *Client) { f.SetMaps("") }, ErrGone, ""},
		{"/tmp read-only", func(t *testing.T, f *jvmtest.Fake, _ *Client) { makeReadOnly(t, f.Tmp) }, ErrNoTmp, "emptyDir at /tmp"},
		{"no /tmp", func(t *testing.T, f *jvmtest.Fake, _ *Client) {
			if err := os.Remove(f.Tmp); err != nil {
				t.Fatal(err)
			}
		}, ErrNoTmp, "emptyDir at /tmp"},
		{"PID used again in between", func(_ *testing.T, f *jvmtest.Fake, c *Client) {
			between(c, func() { f.SetStat('S', 4712) })
		}, ErrGone, ""},
		{"handler reset in between", func(_ *testing.T, f *jvmtest.Fake, c *Client) {
			between(c, func() { f.SetStatus(status('S', 0)) })
		}, ErrNotCaught, ""},
		{"stopped in between, no pidfd", func(_ *testing.T, f *jvmtest.Fake, c *Client) {
			c.openPidfd = func(int) (int, error) { return -1, unix.ENOSYS }
			between(c, func() { f.SetStatus(status('T', jvmtest.SigQuit)) })
		}, ErrStopped, ""},
		{"gone in between", func(_ *testing.T, _ *jvmtest.Fake, c *Client) {
			c.openPidfd = func(int) (int, error) { return -1, unix.ESRCH }
		}, ErrGone, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := jvmtest.NewFake(t)
			c := newClient(t, f, Options{})
			test.prepare(t, f, c)
			_, err := c.Do(t.Context(), VMVersion)
			if e := wantKind(t, err, test.kind); !strings.Contains(e.Fix, test.fix) {
				t.Errorf("fix %q", e.Fix)
			}
			wantNoTrigger(t, f)
		})
	}
}

// A JVM looks at the first trigger it finds; distrusting it, it prints a dump.
func TestHandshakeForeignTrigger(t *testing.T) {
	foreign := map[string]func(path string) error{
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
	}
	if os.Geteuid() == 0 {
		foreign["another user's"] = func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 1234, 1234))
		}
	}
	for name, create := range foreign {
		for _, place := range []string{"app", "tmp"} {
			t.Run(name+" in "+place, func(t *testing.T) {
				f := jvmtest.NewFake(t)
				path := filepath.Join(f.Tmp, "..", place, f.Trigger())
				if err := create(path); err != nil {
					t.Fatal(err)
				}
				_, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
				wantKind(t, err, ErrForeign)
				if _, err := os.Lstat(path); err != nil {
					t.Errorf("was removed: %v", err)
				}
			})
		}
	}
}

func TestHandshakeFailureBacksOff(t *testing.T) {
	f := jvmtest.NewFake(t)
	c := newClient(t, f, Options{AttachTimeout: 20 * time.Millisecond})
	now := time.Unix(1e9, 0)
	c.now = func() time.Time { return now }
	calls := onQuit(c, func() {})
	try := func(kind Kind, signals int) {
		t.Helper()
		_, err := c.Do(t.Context(), VMVersion)
		wantKind(t, err, kind)
		if *calls != signals {
			t.Fatalf("%d signals, want %d", *calls, signals)
		}
	}
	// The JVM may handle the signal late, so the trigger stays for a minute.
	wantTrigger := func() {
		t.Helper()
		if _, err := os.Lstat(filepath.Join(f.Tmp, f.Trigger())); err != nil {
			t.Error(err)
		}
	}
	signals := 0
	for _, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		signals++
		try(ErrTimeout, signals)
		try(ErrBackOff, signals)
		wantTrigger()
		now = now.Add(pause - time.Second)
		try(ErrBackOff, signals)
		if pause > time.Minute {
			wantNoTrigger(t, f)
		} else {
			wantTrigger()
		}
		now = now.Add(time.Second)
	}
	signals++
	try(ErrTimeout, signals)
	wantTrigger()
	listener := f.Listen(jvmtest.Answer(0, ""))
	if _, err := c.Do(t.Context(), VMVersion); err != nil {
		t.Errorf("a socket that appears in the pause is not used: %v", err)
	}
	wantNoTrigger(t, f)
	listener.Close()

	// A handshake that succeeds ends the back-off.
	c.options.AttachTimeout = time.Minute
	now = now.Add(10 * time.Minute)
	onQuit(c, func() { listener = f.Listen(jvmtest.Answer(0, "")) })
	if _, err := c.Do(t.Context(), VMVersion); err != nil {
		t.Fatal(err)
	}
	if c.backOff != 0 || !c.notBefore.IsZero() {
		t.Errorf("back-off %v until %v after a success", c.backOff, c.notBefore)
	}
}

func TestHandshakeEndsWithTheProcess(t *testing.T) {
	f := jvmtest.NewFake(t)
	c := newClient(t, f, Options{AttachTimeout: time.Minute})
	onQuit(c, func() { f.SetStat('Z', 4711) })
	start := time.Now()
	_, err := c.Do(t.Context(), VMVersion)
	wantKind(t, err, ErrGone)
	if waited := time.Since(start); waited > 10*time.Second {
		t.Errorf("waited %v", waited)
	}
	wantNoTrigger(t, f)
}

func TestHandshakeEndsWithTheContext(t *testing.T) {
	f := jvmtest.NewFake(t)
	c := newClient(t, f, Options{AttachTimeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	calls := onQuit(c, cancel)
	_, err := c.Do(ctx, VMVersion)
	wantKind(t, err, ErrCanceled)
	// The signal is out: the JVM needs the trigger when it handles it, and another signal
	// soon after could be answered by a dump.
	if _, err := os.Lstat(filepath.Join(f.Tmp, f.Trigger())); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), VMVersion); !errors.Is(err, ErrBackOff) || *calls != 1 {
		t.Errorf("%d signals, %v", *calls, err)
	}
	if _, err := newClient(t, f, Options{}).Do(ctx, VMVersion); !errors.Is(err, ErrCanceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// A starting JVM may delete its own new socket. A second signal would print a dump if the
// listener is only slow.
func TestHandshakeLostSocket(t *testing.T) {
	t.Parallel()
	own, another := func(f *jvmtest.Fake) { f.SetListening(true) }, func(f *jvmtest.Fake) { f.SetListening(false) }
	for _, test := range []struct {
		name    string
		state   func(*jvmtest.Fake)
		version int
		signals int
	}{
		{"the file is gone", own, 17, 2},
		{"the file is gone, JDK unknown", own, 0, 2},
		{"the file is gone, JDK 8", own, 8, 1},
		{"listener that does not listen yet", func(f *jvmtest.Fake) { f.SetThreads("java", "Attach Listener") }, 17, 1},
		{"the file is not renamed yet", func(f *jvmtest.Fake) {
			own(f)
			if err := os.WriteFile(f.Socket()+".tmp", nil, 0o600); err != nil {
				t.Error(err)
			}
		}, 17, 1},
		{"socket of another container", another, 17, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := jvmtest.NewFake(t)
			timeout := time.Minute // it ends with the second signal, however busy the machine is
			if test.signals == 1 {
				timeout = 2 * time.Second
			}
			c := newClient(t, f, Options{AttachTimeout: timeout})
			c.target.MajorVersion = test.version
			var calls *int
			calls = onQuit(c, func() {
				if *calls == 2 {
					f.Listen(jvmtest.Answer(0, ""))
					return
				}
				test.state(f)
			})
			_, err := c.Do(t.Context(), VMVersion)
			if *calls != test.signals || (err == nil) != (test.signals == 2) {
				t.Errorf("%d signals, %v", *calls, err)
			}
			if err == nil {
				wantNoTrigger(t, f)
			}
		})
	}
	t.Run("never a third signal", func(t *testing.T) {
		t.Parallel()
		f := jvmtest.NewFake(t)
		c := newClient(t, f, Options{AttachTimeout: 6 * time.Second})
		f.SetListening(true)
		calls := onQuit(c, func() {})
		_, err := c.Do(t.Context(), VMVersion)
		wantKind(t, err, ErrTimeout)
		if *calls != 2 {
			t.Errorf("%d signals", *calls)
		}
	})
}
