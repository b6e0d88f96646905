package jvm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
)

func pause() { time.Sleep(5 * time.Millisecond) }

// TestProcess observes a JVM until it is killed.
func TestProcess(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseSerialGC", "-Xms64m", "-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	j.Do("threads 3 256 catalina-exec-worker") // the kernel has 15 characters of it
	j.Do("unsafe 24")
	if p, err := Open("/proc", j.PID); err != nil {
		t.Fatal(err)
	} else if _, err := p.Query(t.Context()); err != nil { // pathrs keeps a handle of /proc from its first use on
		t.Fatal(err)
	} else if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	descriptors := openFiles(t)
	p, err := Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if s := p.Status(); s.PID != j.PID || s.NSPID != j.PID || s.Command != "java" || !p.Same() {
		t.Errorf("status %+v, same %v", s, p.Same())
	}
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sources {
		if !s.OK || s.PID != j.PID {
			t.Errorf("source %+v", s)
		}
	}
	for _, name := range []string{SourceAttach, SourceNMT, SourceHsperf, SourceVMStructs, SourceSmaps, SourcePagemap} {
		if !slices.ContainsFunc(f.Sources, func(s Source) bool { return s.Name == name }) {
			t.Errorf("no source %s in %+v", name, f.Sources)
		}
	}
	if f.PID != j.PID || f.Major < 8 || f.Collector != "Serial" || f.NMT != "summary" || f.UptimeSeconds == nil || *f.UptimeSeconds > 600 || *f.Classes < 300 {
		t.Errorf("facts %+v", f)
	}
	if spent := f.CollectionCPUSeconds; spent == nil || *spent > *f.CPUSeconds {
		t.Errorf("CPU time for collections %v, of %v", spent, f.CPUSeconds)
	}
	if f.Heap == nil || *f.Heap.CommittedBytes > 64<<20 || *f.Heap.CommittedBytes < 56<<20 {
		t.Errorf("heap %+v", f.Heap)
	}
	malloc := f.Resident[ranges.MallocArena].AnonBytes + f.Resident[ranges.MallocChunk].AnonBytes
	if malloc < 24<<20 || f.Resident[ranges.Heap].AnonBytes == 0 || f.Resident[ranges.Code].AnonBytes == 0 || f.Resident[ranges.Stack].AnonBytes < 3*256<<10 {
		t.Errorf("resident %+v", f.Resident)
	}
	i := slices.IndexFunc(f.Threads.Pools, func(p threads.Pool) bool { return p.Name == "catalina-exec-worker-#" })
	if i < 0 || f.Threads.Pools[i].Count != 3 || f.Threads.Pools[i].StackBytes == nil || *f.Threads.Pools[i].StackBytes < 3*256<<10 {
		t.Errorf("threads %+v", f.Threads)
	}
	var anon int64
	for _, r := range f.Resident {
		anon += r.AnonBytes
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	total, err := pages.ReadRollup(bytes.NewReader(rollup))
	if err != nil {
		t.Fatal(err)
	}
	if diff := total.AnonymousBytes - anon; diff < -512<<10 || diff > 512<<10 { // it keeps running between the two reads
		t.Errorf("%d private bytes by kind, the kernel counts %d", anon, total.AnonymousBytes)
	}

	if err := j.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-j.Exited()
	if p.Same() {
		t.Error("a process that is gone is still the same")
	}
	if a, err := p.Query(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("Query of a process that is gone: %+v, %v", a, err)
	}
	if _, _, err := p.Resident(a); !errors.Is(err, ErrGone) {
		t.Errorf("Resident of a process that is gone: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if left := openFiles(t); left > descriptors {
		t.Errorf("%d descriptors before, %d after", descriptors, left)
	}
}

// openFiles counts descriptors but those of the runtime and of the JVM's pipes.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && filepath.IsAbs(target) {
			n++
		}
	}
	return n
}
