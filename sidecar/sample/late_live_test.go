package sample

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// hang makes a JVM stop answering: HotSpot answers one client after the other, and waits
// for this one.
func hang(t *testing.T, j *jvmtest.JVM) {
	t.Helper()
	conn, err := net.Dial("unix", fmt.Sprintf("/tmp/.java_pid%d", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
}

func ofPID(r *breakdown.Report, pid int) *breakdown.Container {
	for i := range r.Containers {
		if r.Containers[i].JVMs[0].PID == pid {
			return &r.Containers[i]
		}
	}
	return nil
}

// TestHungJVM: a JVM that does not answer delays the samples of another one once, for as
// long as a sample waits. It is not read again meanwhile: it is reported as it was, with
// the reason, until what was read without its answer is there.
func TestHungJVM(t *testing.T) {
	const patience = time.Second
	hung := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	other := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: jvmtest.NewPodProc(t, hung.PID, other.PID).Dir(), Patience: patience})
	defer s.Close()
	var first breakdown.Report
	for end := time.Now().Add(time.Minute); ofPID(&first, hung.PID) == nil || ofPID(&first, other.PID) == nil; {
		if time.Now().After(end) {
			t.Fatalf("not read: %+v", first)
		}
		first, _ = s.Sample(t.Context())
	}
	for ofPID(&first, hung.PID).ReadAt != nil { // on a busy machine
		first, _ = s.Sample(t.Context())
	}
	hang(t, hung)
	before := time.Now()
	late, err := s.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(before); took < patience {
		t.Errorf("the first sample took %v: the JVM was not waited for", took)
	}
	was, is := ofPID(&first, hung.PID), ofPID(&late, hung.PID)
	if is == nil || is.ReadAt == nil || *is.UsageBytes != *was.UsageBytes {
		t.Fatalf("the hung JVM: %+v", is)
	}
	if source := source(t, is, "sample"); source.OK || source.PID != hung.PID || !strings.Contains(source.Reason, "has not answered for 1.") || source.Fix == "" {
		t.Errorf("%+v", source)
	}
	other.Do("unsafe 20")
	usage := *ofPID(&late, other.PID).UsageBytes
	for range 3 { // while the reading of the hung one goes on
		begun := time.Now()
		r, err := s.Sample(t.Context())
		took := time.Since(begun)
		if err != nil {
			t.Fatal(err)
		}
		c := ofPID(&r, other.PID)
		if c == nil || c.ReadAt == nil && *c.UsageBytes < usage+19*mib {
			t.Errorf("the other JVM: %+v", c)
		}
		if c.ReadAt == nil && took > 4*time.Second { // else it is slow itself
			t.Errorf("a sample of the other JVM took %v", took)
		}
	}
	if targets := s.Targets(); len(targets) != 2 {
		t.Errorf("%d JVMs are watched", len(targets))
	}
	timeout := time.After(time.Minute)
	for {
		select {
		case <-s.Late():
		case <-timeout:
			t.Fatal("the reading does not end")
		}
		r, ok := s.TakeLate()
		if c := ofPID(&r, hung.PID); ok && c != nil && c.ReadAt == nil {
			if source := source(t, c, jvm.SourceAttach); source.OK {
				t.Errorf("attach %+v", source)
			}
			checkSum(t, "hung", c)
			return
		}
	}
}

// TestLend: a container that is lent is not read, and the other way round.
func TestLend(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: "/proc", PID: j.PID, Patience: 10 * time.Millisecond})
	defer s.Close()
	var c *breakdown.Container
	for c == nil {
		r, _ := s.Sample(t.Context())
		c = ofPID(&r, j.PID)
	}
	release := make(chan struct{})
	lend := func() bool {
		return s.Lend(t.Context(), c, func(_ context.Context, jvms []*jvm.Process) {
			if len(jvms) != 1 || jvms[0].Status().PID != j.PID {
				t.Errorf("lent %v", jvms)
			}
			<-release
		})
	}
	for !lend() { // while it is being read
		<-s.Late()
		s.TakeLate()
	}
	if !s.Reading(cgroup.Path{Version: c.CgroupVersion, Name: c.Cgroup}) || lend() {
		t.Error("it is lent twice")
	}
	r, err := s.Sample(t.Context())
	if is := ofPID(&r, j.PID); err != nil || is == nil || is.ReadAt == nil {
		t.Errorf("%+v, %v", r, err)
	}
	close(release)
	for s.Reading(cgroup.Path{Version: c.CgroupVersion, Name: c.Cgroup}) {
		<-s.Late()
		s.TakeLate()
	}
}

// TestNoDescriptors: a process that cannot be opened, here for lack of descriptors, is no
// process without a JVM: it is reported with the reason and a fix. A JVM that is open
// already is read, as far as that goes.
func TestNoDescriptors(t *testing.T) {
	if !jvmtest.InPod(t) {
		return
	}
	opened := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: "/proc"})
	defer s.Close()
	if r, err := s.Sample(t.Context()); err != nil || len(r.Containers) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	fresh := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open("/proc") // to list the processes
	if err != nil {
		t.Fatal(err)
	}
	free := f.Fd()
	f.Close()
	limit(uint64(free) + 1)
	r, err := s.Sample(t.Context())
	limit(was.Cur)
	i := slices.IndexFunc(r.Sources, func(s jvm.Source) bool { return s.PID == fresh.PID })
	if i < 0 || r.Sources[i].OK || !strings.Contains(r.Sources[i].Reason, "too many open files") || !strings.Contains(r.Sources[i].Fix, "ulimit -n") {
		t.Errorf("sources %+v, %v; JVM %d is open", r.Sources, err, opened.PID)
	}
	if r, err := s.Sample(t.Context()); err != nil || len(r.Containers) != 2 || len(r.Sources) != 0 {
		t.Errorf("with descriptors: %+v, %v", r, err)
	}
}

// TestOneJVMFails: of two JVMs in a container one cannot be read. The container is
// reported with the other one, and says what is missing; the memory of the first is that
// of another process, so that the rows still add up.
func TestOneJVMFails(t *testing.T) {
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	dir := func(pid int) string { return filepath.Join(f.Proc, fmt.Sprint(pid)) }
	const second = 1 << 21 // a PID that is not in use
	if err := os.CopyFS(dir(second), os.DirFS(dir(f.PID))); err != nil {
		t.Fatal(err)
	}
	replace := func(name string, from, to string) {
		text, err := os.ReadFile(filepath.Join(dir(second), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir(second), name), []byte(strings.ReplaceAll(string(text), from, to)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	replace("status", fmt.Sprintf("Pid:\t%d\n", f.PID), fmt.Sprintf("Pid:\t%d\n", second))
	if err := os.Rename(filepath.Join(dir(second), "task", fmt.Sprint(f.PID)), filepath.Join(dir(second), "task", fmt.Sprint(second))); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{f.PID, second} {
		if err := errors.Join(
			os.WriteFile(filepath.Join(dir(pid), "cgroup"), []byte("0::/pod/c\n"), 0o600),
			os.WriteFile(filepath.Join(dir(pid), "smaps_rollup"), []byte("7f00-7f01 ---p 00000000 00:00 0    [rollup]\nPss_Anon: 800 kB\nPss_File: 0 kB\nPss_Shmem: 0 kB\n"), 0o600),
		); err != nil {
			t.Fatal(err)
		}
	}
	s := New(Options{Proc: f.Proc})
	defer s.Close()
	r, err := s.Sample(t.Context())
	if err != nil || len(r.Containers) != 1 || len(r.Containers[0].JVMs) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	// A link to itself cannot be opened by any user.
	link := filepath.Join(dir(second), "task", fmt.Sprint(second), "comm")
	if err := errors.Join(os.Remove(link), os.Symlink("comm", link)); err != nil {
		t.Fatal(err)
	}
	s = New(Options{Proc: f.Proc})
	defer s.Close()
	r, err = s.Sample(t.Context())
	if err != nil || len(r.Containers) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	c := r.Containers[0]
	if len(c.JVMs) != 1 || c.JVMs[0].PID != f.PID {
		t.Errorf("JVMs %+v", c.JVMs)
	}
	if failed := source(t, &c, "processes"); failed.OK || failed.PID != second || !strings.Contains(failed.Reason, syscall.ELOOP.Error()) {
		t.Errorf("%+v", failed)
	}
	if others := c.Row(rows.OtherProcesses).Bytes; others == nil || *others != 800<<10 {
		t.Errorf("other processes: %+v, %+v", c.Row(rows.OtherProcesses), c.Sources)
	}
}
