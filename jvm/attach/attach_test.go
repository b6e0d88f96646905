package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// newClient returns a client of the fake that fails the test if it signals.
func newClient(t *testing.T, f *jvmtest.Fake, o Options) *Client {
	t.Helper()
	c := New(Target{PID: f.PID, Proc: f.Proc}, o)
	c.signal = func(int, int) error {
		t.Error("signalled")
		return nil
	}
	return c
}

func wantKind(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("got error %v, want kind %q", err, string(kind))
	}
	if e.Reason == "" || e.PID == 0 {
		t.Errorf("no reason or PID in %+v", e)
	}
	return e
}

// TestDoWithoutVersion2: a JDK 25 that runs with -Djdk.attach.compat=true is queried by
// version 1 of the protocol, after it refused the other once.
func TestDoWithoutVersion2(t *testing.T) {
	f := jvmtest.NewFake(t)
	var listener atomic.Pointer[jvmtest.Listener]
	listener.Store(f.Listen(func(conn net.Conn, commands []string) {
		requests := listener.Load().Requests()
		answer := "0\n" + strings.Join(commands, ",")
		if requests[len(requests)-1][0] == '2' {
			answer = "101\nv2 is unsupported or disabled"
		}
		_, _ = io.WriteString(conn, answer) // the client may be gone
	}))
	c := New(Target{PID: f.PID, Proc: f.Proc, MajorVersion: 25}, Options{})
	for i := range 2 {
		got, err := c.Do(t.Context(), HeapInfo, CodeCache)
		if want := "GC.heap_info,Compiler.codecache"; err != nil || got.Text != want || got.Code != 0 {
			t.Errorf("got %+v, %v, want %s", got, err, want)
		}
		if n := len(listener.Load().Requests()); n != 2+i {
			t.Errorf("%d requests", n)
		}
	}
}

// The two bugs of other ports: only the first 8 KiB of a reply are read; the
// last byte of every piece is dropped.
func TestDoReadsTheWholeReply(t *testing.T) {
	for _, size := range []int{0, 1, 8190, 8191, 8192, 8193, 1 << 20} {
		for _, piece := range []int{1, 2, 3, 4095, 8192, 1 << 20} {
			if size/piece > 10000 {
				continue
			}
			t.Run(fmt.Sprintf("%d in pieces of %d", size, piece), func(t *testing.T) {
				var text strings.Builder
				for i := 0; text.Len() < size; i++ {
					text.WriteString(strconv.Itoa(i) + "\n")
				}
				want := text.String()[:size]
				f := jvmtest.NewFake(t)
				listener := f.Listen(jvmtest.AnswerInPieces(0, want, piece))
				got, err := newClient(t, f, Options{}).Do(t.Context(), VMInfo)
				if err != nil || got.Text != want || got.Code != 0 || got.Truncated {
					t.Errorf("got code %d, %d bytes, truncated %v, %v", got.Code, len(got.Text), got.Truncated, err)
				}
				if requests := listener.Requests(); len(requests) != 1 || string(requests[0]) != "1\x00jcmd\x00VM.info\x00\x00\x00" {
					t.Errorf("requests %q", requests)
				}
			})
		}
	}
}

func TestDoBatch(t *testing.T) {
	f := jvmtest.NewFake(t)
	f.Listen(jvmtest.AnswerCommands(map[string]string{"VM.version": "JDK 8\n", "GC.heap_info": "garbage-first heap\n"}))
	c := newClient(t, f, Options{})
	got, err := c.Do(t.Context(), VMVersion, HeapInfo)
	if err != nil || got.Text != "JDK 8\ngarbage-first heap\n" {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = c.Do(t.Context(), VMVersion, VMInfo, HeapInfo)
	if e := wantKind(t, err, ErrCommand); !strings.Contains(e.Reason, "code -1") || !strings.Contains(e.Reason, "Unknown diagnostic command") {
		t.Errorf("reason %q", e.Reason)
	}
	if got.Code != -1 || !strings.HasPrefix(got.Text, "JDK 8\n") || strings.Contains(got.Text, "heap\n") {
		t.Errorf("got %+v, want the earlier text kept", got)
	}
}

func TestDoFailures(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler jvmtest.Handler
		kind    Kind
		reason  string
		want    Reply
	}{
		{"closed without a word", jvmtest.Raw(""), ErrPermission, "own UID and GID", Reply{Truncated: true}},
		{"foreign", jvmtest.Raw("HTTP/1.1 400 Bad Request\r\n"), ErrReply, "not HotSpot's", Reply{}},
		{"never answers", jvmtest.Stall(""), ErrTimeout, "no complete reply within 1s", Reply{Truncated: true}},
		{"stops in the middle", jvmtest.Stall("0\nNative Mem"), ErrTimeout, "no complete reply", Reply{Text: "Native Mem", Truncated: true}},
		{"endless", jvmtest.Flood("abc"), ErrTooLarge, "longer than 1000 bytes", Reply{Text: strings.Repeat("abc", 334)[:1000], Truncated: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := jvmtest.NewFake(t)
			f.Listen(test.handler)
			timeout := time.Minute
			if test.kind == ErrTimeout {
				timeout = time.Second // the part that comes must come before
			}
			got, err := newClient(t, f, Options{Timeout: timeout, MaxReplyBytes: 1000}).Do(t.Context(), VMVersion)
			if e := wantKind(t, err, test.kind); !strings.Contains(e.Reason, test.reason) {
				t.Errorf("reason %q", e.Reason)
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// The JVM walks its heap to the end, whether or not its client waits for that.
func TestDoWaitsForAHistogram(t *testing.T) {
	f := jvmtest.NewFake(t)
	f.Listen(func(conn net.Conn, commands []string) {
		time.Sleep(300 * time.Millisecond)
		jvmtest.Answer(0, commands[0])(conn, commands)
	})
	c := newClient(t, f, Options{Timeout: 100 * time.Millisecond})
	if got, err := c.Do(t.Context(), ClassHistogram); err != nil || got.Text != "GC.class_histogram -all" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDoStopsWithTheContext(t *testing.T) {
	f := jvmtest.NewFake(t)
	f.Listen(jvmtest.Stall("0\n"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	start := time.Now()
	_, err := newClient(t, f, Options{Timeout: time.Minute}).Do(ctx, VMVersion)
	wantKind(t, err, ErrCanceled)
	if !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if _, err = newClient(t, f, Options{}).Do(ctx, VMVersion); !errors.Is(err, ErrCanceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// A reply that ends because the JVM died looks like a whole one.
func TestDoNoticesTheDeath(t *testing.T) {
	f := jvmtest.NewFake(t)
	answer := jvmtest.Answer(0, "Native Mem")
	f.Listen(func(conn net.Conn, commands []string) {
		f.SetStat('Z', 4711)
		answer(conn, commands)
	})
	got, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
	wantKind(t, err, ErrGone)
	if !got.Truncated || got.Text != "Native Mem" {
		t.Errorf("got %+v", got)
	}
}

func TestCheckUser(t *testing.T) {
	for _, test := range []struct {
		name                 string
		euid, egid, uid, gid int
		version              int
		allowed              bool
		reason               string
	}{
		{"same", 1000, 2000, 1000, 2000, 0, true, ""},
		{"other UID", 1000, 2000, 1001, 2000, 17, false, "jvmem runs as UID 1000 GID 2000, the JVM as UID 1001 GID 2000"},
		{"other GID", 1000, 2000, 1000, 0, 17, false, "GID 0"},
		{"root, JDK 17", 0, 0, 1000, 1000, 17, true, ""},
		{"root, unknown JDK", 0, 0, 1000, 1000, 0, true, ""},
		{"root, JDK 8", 0, 0, 1000, 1000, 8, false, "JDK 8 refuses root"},
		{"root, JDK 8 of root", 0, 0, 0, 0, 8, true, ""},
		{"root, JDK 8 of root's user with another group", 0, 0, 0, 5, 8, false, "JDK 8 refuses root"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := jvmtest.NewFake(t)
			f.SetStatus(jvmtest.Status{State: 'S', UID: test.uid, GID: test.gid, SigCgt: jvmtest.SigQuit})
			c := newClient(t, f, Options{})
			c.euid, c.egid, c.target.MajorVersion = test.euid, test.egid, test.version
			_, err := c.check()
			if test.allowed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := wantKind(t, err, ErrPermission)
			if fix := fmt.Sprintf("runAsUser: %d and runAsGroup: %d", test.uid, test.gid); !strings.Contains(e.Reason, test.reason) || !strings.Contains(e.Fix, fix) {
				t.Errorf("reason %q, fix %q", e.Reason, e.Fix)
			}
		})
	}
}

func TestDoRefusesForeignSockets(t *testing.T) {
	t.Run("another user's", func(t *testing.T) {
		f := jvmtest.NewFake(t)
		listener := f.Listen(jvmtest.Answer(0, ""))
		f.SetStatus(jvmtest.Status{State: 'S', UID: os.Geteuid() + 1, GID: os.Getegid(), SigCgt: jvmtest.SigQuit})
		c := newClient(t, f, Options{})
		c.euid = 0
		_, err := c.Do(t.Context(), VMVersion)
		wantKind(t, err, ErrForeign)
		if len(listener.Requests()) != 0 {
			t.Error("was queried")
		}
	})
	t.Run("another user's, and the JVM is starting", func(t *testing.T) {
		f := jvmtest.NewFake(t)
		listener := f.Listen(jvmtest.Answer(0, ""))
		f.SetStatus(jvmtest.Status{State: 'S', UID: os.Geteuid() + 1, GID: os.Getegid()})
		c := newClient(t, f, Options{})
		c.euid = 0
		_, err := c.Do(t.Context(), VMVersion)
		wantKind(t, err, ErrNotCaught)
		if len(listener.Requests()) != 0 {
			t.Error("was queried")
		}
	})
	t.Run("another JVM's with the same NSpid", func(t *testing.T) {
		f := jvmtest.NewFake(t)
		listener := f.Listen(jvmtest.Answer(0, ""))
		tasks := filepath.Join(f.Proc, strconv.Itoa(f.PID), "task")
		err := errors.Join(os.Symlink(strconv.Itoa(f.PID), filepath.Join(f.Proc, "1")), os.Symlink(strconv.Itoa(f.PID), filepath.Join(tasks, "1")))
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, f, Options{})
		c.target.PID = 1
		_, err = c.Do(t.Context(), VMVersion)
		if e := wantKind(t, err, ErrForeign); !strings.Contains(e.Reason, fmt.Sprintf("PID %d listens", f.PID)) || len(listener.Requests()) != 0 {
			t.Errorf("reason %q, requests %q", e.Reason, listener.Requests())
		}
	})
	t.Run("no socket at all", func(t *testing.T) {
		f := jvmtest.NewFake(t)
		if err := os.WriteFile(f.Socket(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
		wantKind(t, err, ErrForeign)
	})
	t.Run("a link to one", func(t *testing.T) {
		f := jvmtest.NewFake(t)
		listener := f.Listen(jvmtest.Answer(0, ""))
		if err := errors.Join(os.Rename(f.Socket(), f.Socket()+".real"), os.Symlink(filepath.Base(f.Socket())+".real", f.Socket())); err != nil {
			t.Fatal(err)
		}
		_, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
		wantKind(t, err, ErrForeign)
		if len(listener.Requests()) != 0 {
			t.Error("was queried")
		}
	})
	for name, target := range map[string]func(string) string{
		"absolute": func(outside string) string { return outside },
		"relative": func(outside string) string { return "../../../../../../../.." + outside },
	} {
		t.Run("a /tmp that leads out of the root, "+name, func(t *testing.T) {
			outside, f := jvmtest.NewFake(t), jvmtest.NewFake(t)
			listener := outside.Listen(jvmtest.Answer(0, ""))
			if _, err := os.Stat(target(outside.Tmp)); err != nil {
				t.Fatalf("the link would lead nowhere: %v", err)
			}
			if err := errors.Join(os.Remove(f.Tmp), os.Symlink(target(outside.Tmp), f.Tmp)); err != nil {
				t.Fatal(err)
			}
			_, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
			wantKind(t, err, ErrNoTmp)
			if len(listener.Requests()) != 0 {
				t.Error("was queried")
			}
		})
	}
}

// TestDoOtherNamespace: a signal would reach another process than the one that procfs shows.
func TestDoOtherNamespace(t *testing.T) {
	f := jvmtest.NewFake(t)
	self := f.Proc + "/self"
	if err := errors.Join(os.Remove(self), os.Mkdir(self, 0o755), os.WriteFile(self+"/status", []byte("NSpid:\t4711\t7\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	listener := f.Listen(jvmtest.Answer(0, ""))
	_, err := newClient(t, f, Options{}).Do(t.Context(), VMVersion)
	if e := wantKind(t, err, ErrSystem); e.Fix == "" || len(listener.Requests()) != 0 {
		t.Errorf("fix %q, %d requests", e.Fix, len(listener.Requests()))
	}
}

func TestDoLeaksNoDescriptor(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	f := jvmtest.NewFake(t)
	good, noListener := newClient(t, f, Options{}), newClient(t, f, Options{AttachTimeout: 5 * time.Millisecond})
	noListener.signal = func(int, int) error { return nil }
	listener := f.Listen(jvmtest.AnswerCommands(map[string]string{"VM.version": "JDK 17\n"}))
	turn := func() {
		_, ok := good.Do(t.Context(), VMVersion)
		_, refused := good.Do(t.Context(), VMInfo)
		if ok != nil || !errors.Is(refused, ErrCommand) {
			t.Fatalf("%v, %v", ok, refused)
		}
	}
	turn()
	before := count()
	for range 20 {
		turn()
	}
	listener.Close()
	for range 20 {
		noListener.notBefore = time.Time{}
		if _, err := noListener.Do(t.Context(), VMVersion); !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
