package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
)

// TestRecording records threads that stay. Afterwards nothing of it is left.
func TestRecording(t *testing.T) {
	eachJDK(t, func(t *testing.T, home string) {
		cwd := t.TempDir()
		t.Chdir(cwd)
		j, p, _ := queried(t, jvmtest.Options{JavaHome: home, JVMFlags: []string{"-Xmx64m", "-XX:+UseSerialGC"}})
		for range 2 { // the second time JFR is there already
			recording, theirs, err := StartRecording(t.Context(), p, cause.Threads, cause.Options{}, time.Minute)
			if theirs != nil || err != nil {
				t.Fatal(theirs, err)
			}
			j.Do("threads 30 16 leak")
			found, err := recording.Stop(t.Context(), p)
			if err != nil || found.Seen == "" {
				t.Fatalf("%+v, %v", found, err)
			}
			if _, err := recording.Stop(t.Context(), p); err == nil {
				t.Error("stopped what does not run")
			}
		}
		session, err := p.Session()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := session.Send(t.Context(), attach.RecordingCheck); err != nil || !strings.Contains(text, "No available recordings") {
			t.Errorf("left: %q, %v", text, err)
		}
		if _, err := openChunk(p); !errors.Is(err, ErrNoRecording) {
			t.Errorf("an open file is left: %v", err)
		}
		if left, err := os.ReadDir(cwd); err != nil || len(left) > 0 {
			t.Errorf("left in the working directory: %v, %v", left, err)
		}
		wantTidy(t, j.PID)
	})
}

// TestLook: a look shows the samples so far, and the recording goes on: what was known of its
// earlier chunks is in its result.
func TestLook(t *testing.T) {
	eachJDK(t, func(t *testing.T, home string) {
		cwd := t.TempDir()
		t.Chdir(cwd)
		j, p, _ := queried(t, jvmtest.Options{JavaHome: home, JVMFlags: []string{"-Xmx128m", "-XX:+UseSerialGC"}})
		recording, theirs, err := StartRecording(t.Context(), p, cause.Heap, cause.Options{}, time.Minute)
		if theirs != nil || err != nil || !recording.Sampled() {
			t.Fatal(recording, theirs, err)
		}
		j.Do("heap 24")
		j.Do("gc")
		first, err := recording.Look(t.Context(), p)
		if err != nil || first.OldCollected.IsZero() || !first.Sampled {
			t.Fatalf("%+v, %v", first, err)
		}
		for _, read := range []func(context.Context, *jvm.Process) (*cause.Finding, error){recording.Look, recording.Stop} {
			found, err := read(t.Context(), p)
			if err != nil || !found.From.Equal(first.From) || !found.OldCollected.Equal(first.OldCollected) || !found.Sampled {
				t.Errorf("%+v, %v; first %+v", found, err, first)
			}
		}
		if left, err := os.ReadDir(cwd); err != nil || len(left) > 0 {
			t.Errorf("left in the working directory: %v, %v", left, err)
		}
		wantTidy(t, j.PID)
	})
}

// TestLookFrees: a look makes JFR forget the stacks of what was sampled and collected. Else they take more
// and more memory.
func TestLookFrees(t *testing.T) {
	j, p, _ := queried(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:+UseSerialGC", "-XX:NativeMemoryTracking=summary"}})
	recording, theirs, err := StartRecording(t.Context(), p, cause.Heap, cause.Options{}, time.Minute)
	if theirs != nil || err != nil {
		t.Fatal(theirs, err)
	}
	var mib []int64 // malloced by JFR: at its start, with many stacks, after a look
	tracing := func() {
		t.Helper()
		session, err := p.Session()
		if err != nil {
			t.Fatal(err)
		}
		text, err := session.Send(t.Context(), attach.NativeMemorySummary)
		if err != nil {
			t.Fatal(err)
		}
		report, err := nmt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Categories {
			if c.Name == "Tracing" {
				mib = append(mib, c.MallocBytes>>20)
			}
		}
	}
	tracing()
	j.Do("stacks 20000")
	tracing()
	if _, err := recording.Look(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if tracing(); len(mib) != 3 || mib[1] < mib[0]+10 || mib[2] > mib[1]/2 {
		t.Errorf("%d MiB", mib)
	}
	if _, err := recording.Stop(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// TestGains: what the live objects gain names the line that allocates them, or none if JFR
// sampled too little of what was allocated in so short a time.
func TestGains(t *testing.T) {
	eachJDK(t, func(t *testing.T, home string) {
		for _, collector := range []string{"-XX:+UseSerialGC", "-XX:+UseZGC"} { // with ZGC objects are not sampled
			j, p, _ := queried(t, jvmtest.Options{JavaHome: home, JVMFlags: []string{"-Xmx128m", collector, "-XX:TLABSize=16k", "-XX:-ResizeTLAB"}})
			recording, theirs, err := StartRecording(t.Context(), p, cause.Heap, cause.Options{Gains: true}, time.Minute)
			if theirs != nil || err != nil || recording.Sampled() {
				t.Fatal(recording, theirs, err)
			}
			j.Do("objects 24")
			found, err := recording.Stop(t.Context(), p)
			if err != nil || !strings.Contains(found.Seen, "Allocation") {
				t.Fatalf("%+v, %v", found, err)
			}
			if named := found.Causes; len(named) > 0 && (named[0].Line.Class != "Objects" || found.GainedBytes > 32<<20) {
				t.Errorf("%+v", found)
			}
			wantTidy(t, j.PID)
		}
	})
}

// TestRecordingRefused: what a JVM may not be asked for is not sent.
func TestRecordingRefused(t *testing.T) {
	_, p, _ := queried(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:+UseZGC"}})
	for _, tt := range []struct {
		kind cause.Kind
		o    cause.Options
		want error
	}{
		{cause.Heap, cause.Options{}, ErrNotSafe},
		{cause.DirectBuffers, cause.Options{}, ErrNotSafe},
		{cause.Threads, cause.Options{Roots: time.Second}, ErrRootsTooLong},
		{"kernel", cause.Options{}, ErrNoSuchCause},
	} {
		if _, _, err := StartRecording(t.Context(), p, tt.kind, tt.o, time.Minute); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.kind, err)
		}
	}
	if _, err := openChunk(p); !errors.Is(err, ErrNoRecording) {
		t.Errorf("a recording runs: %v", err)
	}
}

// TestRecordingOfSomebodyElse: it is read, with none of the secrets that it holds, and goes on.
func TestRecordingOfSomebodyElse(t *testing.T) {
	const secret = "hunter2-in-the-recording"
	j, p, _ := queried(t, jvmtest.Options{
		JVMFlags: []string{"-Xmx64m", "-Ddb.password=" + secret, "-XX:StartFlightRecording=settings=profile,maxsize=16M,dumponexit=false"},
		Env:      []string{"DB_PASSWORD=" + secret},
	})
	j.Do("threads 30 16 leak")
	if _, theirs, err := StartRecording(t.Context(), p, cause.Threads, cause.Options{}, time.Minute); theirs == nil || err != nil {
		t.Fatalf("started a second one: %v", err)
	}
	chunk, err := openChunk(p)
	if err != nil {
		t.Fatal(err)
	}
	defer chunk.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // JFR writes once a second
		text, err := os.ReadFile(chunk.Name())
		if err == nil && strings.Contains(string(text), secret) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the recording lacks the secret: %d bytes, %v", len(text), err)
		}
	}
	for _, kind := range []cause.Kind{cause.Threads, cause.ClassLoader, cause.Heap} {
		found, err := ReadRecording(t.Context(), p, kind)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if text, err := json.Marshal(found); err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// TestHostileChunk: what is open under the name of a recording is read only if it is a file.
func TestHostileChunk(t *testing.T) {
	f := jvmtest.NewFake(t)
	fds := filepath.Join(f.Proc, filepath.Base(filepath.Dir(filepath.Dir(f.Tmp))), "fd")
	p, err := jvm.Open(f.Proc, f.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	name := filepath.Join(t.TempDir(), "2026_11_29_08_08_05.jfr")
	link := func(make func() error) {
		t.Helper()
		os.RemoveAll(fds)
		os.RemoveAll(name)
		if err := errors.Join(make(), os.MkdirAll(fds, 0o700), os.Symlink(name, filepath.Join(fds, "7"))); err != nil {
			t.Fatal(err)
		}
	}
	for what, make := range map[string]func() error{
		"a FIFO":      func() error { return unix.Mkfifo(name, 0o600) },
		"a directory": func() error { return os.Mkdir(name, 0o700) },
		"a device":    func() error { return os.Symlink("/dev/zero", name) },
	} {
		link(make)
		if chunk, err := openChunk(p); !errors.Is(err, ErrNoRecording) {
			t.Errorf("%s: %v, %v", what, chunk, err)
		}
	}
	for what, text := range map[string]string{"empty": "", "no recording": strings.Repeat("root:x:0:0\n", 1000), "a head": "FLR\x00" + strings.Repeat("\xff", 100)} {
		link(func() error { return os.WriteFile(name, []byte(text), 0o600) })
		if found, err := ReadRecording(t.Context(), p, cause.Threads); err == nil && len(found.Causes) > 0 {
			t.Errorf("%s: %+v", what, found)
		} else if err != nil && strings.Contains(err.Error(), "root:x") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
