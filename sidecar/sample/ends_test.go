package sample

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// id returns the ID of a container.
func id(digit string) string { return strings.Repeat(digit, 64) }

// only returns the only container of the next report; nil: it has none.
func only(t *testing.T, s *Sampler) *breakdown.Container {
	t.Helper()
	r, err := s.Sample(t.Context())
	switch {
	case len(r.Containers) > 1 || (err == nil) != (len(r.Containers) == 1):
		t.Fatalf("%+v, %v", r, err)
	case len(r.Containers) == 0:
		return nil
	}
	return &r.Containers[0]
}

// TestEndingJVM: the kernel shows the root as the v1 cgroup of a task that exits. It is not
// its container: that one ended, and its replacement has the name. A JVM that runs in the
// root is reported.
func TestEndingJVM(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	other := filepath.Join(f.Proc, strconv.Itoa(1<<21)) // no JVM, in another container
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "cgroup"), []byte("4:memory:/docker/"+id("f")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Proc: f.Proc, ContainerName: "app"})
	defer s.Close()
	for i, digit := range []string{"a", "b", "c"} {
		started := uint64(4711 + i)
		f.SetStat('S', started)
		f.SetCgroup("4:memory:/docker/" + id(digit) + "\n")
		for range 2 {
			if c := only(t, s); c == nil || c.ID != id(digit) || c.Name != "app" {
				t.Fatalf("JVM %d: %+v", i, c)
			}
		}
		f.SetExiting(started)
		f.SetCgroup("4:memory:/\n")
		if c := only(t, s); c != nil {
			t.Errorf("JVM %d, ending: %+v", i, c.Identity)
		}
		if targets := s.Targets(); len(targets) != 0 {
			t.Errorf("JVM %d, ending: %+v", i, targets)
		}
	}
	f.SetStat('S', 5000)
	if c := only(t, s); c == nil || c.Cgroup != "/" || c.ID != "" {
		t.Errorf("in the root cgroup: %+v", c)
	}
}

// TestEndsWhileRead: a container whose JVM ended while it is being read is not reported,
// and its replacement has the name.
func TestEndsWhileRead(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	f.SetCgroup("4:memory:/docker/" + id("a") + "\n")
	release := make(chan struct{})
	f.Listen(func(net.Conn, []string) { <-release })
	s := New(Options{Proc: f.Proc, ContainerName: "app", Patience: 10 * time.Millisecond})
	defer s.Close()
	defer close(release)
	if c := only(t, s); c != nil || len(s.Targets()) != 1 {
		t.Fatalf("%+v", c)
	}
	f.SetExiting(4711)
	f.SetCgroup("4:memory:/\n")
	addJVM(t, f, 1<<21, "4:memory:/docker/"+id("b")+"\n", "")
	for {
		if c := only(t, s); c != nil {
			if c.ID != id("b") || c.Name != "app" {
				t.Errorf("%+v", c.Identity)
			}
			return
		}
		<-s.Late() // of the replacement
	}
}
