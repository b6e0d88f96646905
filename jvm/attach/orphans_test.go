package attach

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestLiveOrphan: a JVM waits for the reader of a heap dump, which was killed. The next
// client that attaches lets it go on.
func TestLiveOrphan(t *testing.T) {
	eachJDK(t, func(t *testing.T, java string) {
		p := startJVM(t, os.Geteuid(), java).awaitReady(t)
		killed := p.client(Options{})
		wantVersion(t, killed)
		dump := filepath.Join(tmpDir, HeapDumpFile(p.pid))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		replied := make(chan error, 1)
		for _, name := range []string{dump, HeapDumpObjects(dump)} {
			if err := unix.Mkfifo(name, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Remove(name) }) // it is gone if the test passes
		}
		go func() {
			_, err := killed.Do(ctx, HeapDump{NSPID: p.pid, Serial: true})
			if errors.Is(err, ErrCommand) { // JDK 22 and newer
				_, err = killed.Do(ctx, HeapDump{NSPID: p.pid})
			}
			replied <- err
		}()
		// Until the JVM waits, nothing is released; then its listener serves nobody else.
		next := p.client(Options{Timeout: time.Second})
		for end := time.Now().Add(patience); ; {
			_, err := next.Do(t.Context(), VMVersion)
			if _, left := os.Lstat(dump); err == nil && left != nil {
				break
			}
			next.answered = nil // as after a failure, or in another process
			if time.Now().After(end) {
				t.Fatalf("it still waits: %v", err)
			}
		}
		<-replied
		if left, err := filepath.Glob(dump + "*"); err != nil || len(left) > 1 {
			t.Errorf("left %v, %v", left, err)
		}
		wantVersion(t, killed)
	})
}

// TestAdopt: only a FIFO of the JVM's user without a reader is opened.
func TestAdopt(t *testing.T) {
	f := jvmtest.NewFake(t)
	p, err := newClient(t, f, Options{}).status()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(f.Tmp)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	another := p
	another.UID++
	fifo := func(name string) error { return unix.Mkfifo(name, 0o600) }
	for what, c := range map[string]struct {
		make func(name string) error
		read bool // somebody reads it
		want bool
	}{
		"a FIFO without a reader": {make: fifo, want: true},
		"a FIFO with a reader":    {make: fifo, read: true},
		"nothing":                 {make: func(string) error { return nil }},
		"a file":                  {make: func(name string) error { return os.WriteFile(name, nil, 0o600) }},
		"a link to a FIFO":        {make: func(name string) error { return errors.Join(fifo(name+".p0"), os.Symlink(name+".p0", name)) }},
	} {
		name := filepath.Join(f.Tmp, "dump")
		if err := c.make(name); err != nil {
			t.Fatal(err)
		}
		if c.read {
			reader, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
		}
		o := adopt(int(dir.Fd()), "dump", p)
		if (o.fd >= 0) != c.want {
			t.Errorf("%s: %+v", what, o)
		}
		if o.read(make([]byte, 1)); o.used {
			t.Errorf("%s: nobody writes it, but its name was removed", what)
		}
		o.close()
		if o := adopt(int(dir.Fd()), "dump", another); o.fd >= 0 {
			t.Errorf("%s: of another user", what)
		}
		for _, left := range []string{name, name + ".p0"} {
			_ = os.Remove(left) // the next case makes it
		}
	}
}
