package owners

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestOwners lets real JVMs leak, and checks who is named.
func TestOwners(t *testing.T) {
	const (
		deflater = "libz (java.util.zip.Deflater)"
		quiet    = "-XX:TieredStopAtLevel=1" // C2 allocates much while it compiles
		jemalloc = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
	)
	tests := []struct {
		leak, owner string
		flags       []string
		preload     string // LD_PRELOAD
	}{
		{"deflaters 60", deflater, nil, ""},
		{"deflaters 60", deflater, []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC"}, ""},
		{"deflaters 60", deflater, []string{"-XX:+UseZGC"}, ""},
		{"direct 40", "java.nio.DirectByteBuffer", nil, ""}, // G1 has blocks of that size, too
		{"direct 40", "java.nio.DirectByteBuffer", []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC"}, ""},
		{"unsafe 16 1000", "HotSpot (Other)", []string{"-XX:NativeMemoryTracking=summary"}, ""},
		{"jni 16 5000", "libworkload", []string{"-XX:-UseCompressedClassPointers", "-XX:-UseCompressedOops"}, ""},
		{"jnimmap 40", "", []string{"-XX:+UseSerialGC"}, ""},
		{"jnimmap 40", "", []string{quiet}, jemalloc},
		{"deflaters 60", deflater, []string{quiet}, jemalloc},
		{"deflaters 60", deflater, []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC", quiet}, jemalloc},
		{"direct 40", "java.nio.DirectByteBuffer", []string{"-XX:+UseSerialGC", quiet}, jemalloc},
		{"unsafe 16 1000", "HotSpot (Other)", []string{"-XX:NativeMemoryTracking=summary", quiet}, jemalloc},
		{"jni 16 5000", "libworkload", []string{quiet}, jemalloc},
	}
	app := t.TempDir()
	if err := jvmtest.Build(app); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(strings.Join(append([]string{filepath.Base(test.preload), test.leak}, test.flags...), " "), func(t *testing.T) {
			o := jvmtest.Options{JVMFlags: append([]string{"-Xmx128m", "-Djvmem.library=" + filepath.Join(app, "libworkload.so")}, test.flags...)}
			if test.preload != "" {
				o.Env = []string{"LD_PRELOAD=" + test.preload}
			}
			j := jvmtest.Start(t, o)
			j.Do(test.leak) // code that runs the first time allocates more
			since := take(t, j.PID)
			j.Do(test.leak)
			r := find(t, j.PID, since)
			if !r.Complete || len(r.Owners) == 0 || r.Owners[0].Name() != test.owner || r.Owners[0].Share < 0.9 || r.Owners[0].Mapped != (test.owner == "") {
				t.Errorf("complete %v (%s), want %s, not", r.Complete, r.Reason, test.owner)
				for i := range r.Owners {
					t.Log(r.Owners[i].Sentence(true))
				}
			}
			// HotSpot may have blocks of the size classes of other allocators.
			if test.owner == deflater && test.preload == "" && r.Owners[0].blocks() != "240 blocks of 65,552 bytes and 60 others" {
				t.Errorf("%+v", r.Owners[0])
			}
		})
	}
}

// take takes a Snapshot and passes it through its JSON.
func take(t *testing.T, pid int) *Snapshot {
	t.Helper()
	s, err := Take(Target{"/proc", pid}, DefaultBudget())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err = s.WriteJSON(&b); err == nil {
		s, err = ReadSnapshot(&b)
	}
	if err != nil || !s.Complete {
		t.Fatal(s, err)
	}
	return s
}

func find(t *testing.T, pid int, since *Snapshot) *Report {
	t.Helper()
	r, err := Find(Target{"/proc", pid}, since, DefaultBudget())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStoppedJVM: the JVM need not run. A budget that is too small is told.
func TestStoppedJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+DisableAttachMechanism", "-Xmx64m"}})
	j.Do("inflaters 2000")
	if err := syscall.Kill(j.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(j.PID, syscall.SIGCONT)
	r := find(t, j.PID, nil)
	if o := r.Owners[0]; o.Name() != "libz (java.util.zip.Inflater)" || r.Since != nil {
		t.Errorf("%+v", r.Owners)
	}
	small := DefaultBudget()
	small.Reads = 200
	r, err := Find(Target{"/proc", j.PID}, nil, small)
	if err != nil || r.Complete || r.Reason == "" {
		t.Errorf("%+v, %v", r, err)
	}
	s := r.Now
	s.StartTicks++
	if _, err := Find(Target{"/proc", j.PID}, s, small); !errors.Is(err, ErrOtherProcess) {
		t.Error(err)
	}
	if names := r.Libraries; len(names) == 0 || strings.Contains(strings.Join(names, " "), "/") {
		t.Errorf("%q", names)
	}
}
