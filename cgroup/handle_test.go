package cgroup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestReadingCaptures: a Reading has what Memory has, by a Handle and by the Group, in the
// captures of both versions.
func TestReadingCaptures(t *testing.T) {
	for _, dir := range []string{"v1-linux6.18-host", "v1-linux6.18-sidecar", "v2-linux6.1-host", "v2-linux6.1-sidecar"} {
		g, err := FS{Proc: filepath.Join("testdata", dir, "proc"), fixture: true}.Open(101)
		if err != nil {
			t.Fatal(err)
		}
		h, err := g.Handle()
		if err != nil {
			t.Fatal(err)
		}
		m, err := g.Memory()
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func(*Reading) error{"handle": h.Read, "group": g.Read} {
			r := new(Reading)
			for range 3 { // its room is used again
				if err := read(r); err != nil {
					t.Fatal(name, err)
				}
			}
			if time.Since(r.Time) > time.Minute {
				t.Errorf("%s: %s: read at %v", dir, name, r.Time)
			}
			want := &Reading{
				Time: r.Time, room: r.room,
				UsageBytes: m.UsageBytes, AnonBytes: m.AnonBytes, FileBytes: m.FileBytes, ShmemBytes: m.ShmemBytes,
				InactiveFileBytes: m.InactiveFileBytes, ActiveFileBytes: m.ActiveFileBytes, SlabReclaimableBytes: m.SlabReclaimableBytes,
				KernelBytes: m.Kernel.TotalBytes, LimitBytes: m.LimitBytes, OOMKills: m.Events.OOMKills,
				RefaultBytes: m.Pressure.RefaultBytes, MajorFaults: m.Pressure.MajorFaults,
			}
			if !reflect.DeepEqual(r, want) {
				t.Errorf("%s: %s has %+v, want %+v", dir, name, r, want)
			}
			if got := r.UnreclaimableBytes(); got == nil || *got != m.UsageBytes-*m.ReclaimableBytes() {
				t.Errorf("%s: unreclaimable %v", dir, got)
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if got, err := h.Usage(); err != nil || got != m.UsageBytes {
			t.Errorf("%s: usage %d, %v", dir, got, err)
		}
		if got, err := h.OOMKills(); err != nil || got == nil || *got != 0 {
			t.Errorf("%s: kills %v, %v", dir, got, err)
		}
		// A fixture is not a file that a poll can wait for, and v1 has no such events.
		if err := h.WaitEvents(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", dir, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if _, err := h.Usage(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: closed: %v", dir, err)
		}
	}
}

// TestReadingPressure: pressure stall information is part of a light reading, where the kernel
// has it.
func TestReadingPressure(t *testing.T) {
	files := capture(t, "v2-linux6.1-oom")
	files["memory.pressure"] = "some avg10=26.68 avg60=21.44 avg300=6.85 total=23136534\nfull avg10=24.22 avg60=19.67 avg300=6.26 total=21094287\n"
	g := group(t, 2, files)
	r := new(Reading)
	for range 2 {
		if err := g.Read(r); err != nil || r.StalledMicros == nil || *r.StalledMicros != 21094287 {
			t.Errorf("%v, %v", r.StalledMicros, err)
		}
	}
	if err := replace(g, "memory.pressure", "full avg10=0.00 avg60=0.00 avg300=0.00"); err != nil {
		t.Fatal(err)
	}
	if err := g.Read(r); err != nil || r.StalledMicros != nil {
		t.Errorf("%v, %v", r.StalledMicros, err)
	}
}

// A value that no file has is nil or an error, never 0.
func TestHandleUnknown(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		check            func(*Handle) bool
	}{
		{"no oom_kill before Linux 4.13", "memory.events", "max 0\n", func(m *Handle) bool {
			n, err := m.OOMKills()
			return n == nil && err == nil
		}},
		{"no memory.events", "memory.events", "", func(m *Handle) bool {
			n, err := m.OOMKills()
			return n == nil && err == nil
		}},
		{"memory.stat cut", "memory.stat", "anon 4096\nfile 81", func(m *Handle) bool {
			l := new(Reading)
			err := m.Read(l)
			return err == nil && *l.AnonBytes == 4096 && l.FileBytes == nil && l.KernelBytes == nil && l.UnreclaimableBytes() == nil
		}},
		{"usage is no number", "memory.current", "max\n", func(m *Handle) bool {
			_, err := m.Usage()
			return err != nil && m.Read(new(Reading)) != nil
		}},
		{"usage is empty", "memory.current", "\n", func(m *Handle) bool { _, err := m.Usage(); return err != nil }},
		{"usage is too long", "memory.current", "000000000000000000000000000000001\n", func(m *Handle) bool { _, err := m.Usage(); return err != nil }},
	} {
		g := group(t, 2, capture(t, "v2-linux6.1-oom"))
		if err := replace(g, tt.file, tt.text); err != nil {
			t.Fatal(err)
		}
		m, err := g.Handle()
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if !tt.check(m) {
			t.Error(tt.name)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHandleCannotOpen(t *testing.T) {
	g := group(t, 2, capture(t, "v2-linux6.1-oom"))
	if err := replace(g, "memory.stat", ""); err != nil {
		t.Fatal(err)
	}
	if m, err := g.Handle(); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrGone) {
		t.Errorf("no memory.stat: %v, %v", m, err)
	}
	if err := unix.Mkfifo(filepath.Join(g.name, "memory.stat"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := g.Handle(); !errors.Is(err, ErrNotCgroup) {
		t.Errorf("a FIFO: %v, %v", m, err)
	}
	if err := os.RemoveAll(g.name); err != nil {
		t.Fatal(err)
	}
	if m, err := g.Handle(); !errors.Is(err, ErrGone) {
		t.Errorf("removed: %v, %v", m, err)
	}
}

// TestHandleOfKilledJVM is the kernel's own doing: a JVM that passes its limit.
func TestHandleOfKilledJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 128 << 20, JVMFlags: []string{"-Xmx32m"}})
	g, err := FS{}.Open(j.PID)
	if err != nil {
		t.Fatal(err)
	}
	m, err := g.Handle()
	if err = errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	before, after := new(Reading), new(Reading)
	if err := m.Read(before); err != nil {
		t.Fatal(err)
	}
	j.Do("unsafe 40")
	if err := m.Read(after); err != nil {
		t.Fatal(err)
	}
	if grown := *after.AnonBytes - *before.AnonBytes; grown < 39<<20 || grown > 48<<20 || after.UsageBytes-before.UsageBytes < 39<<20 {
		t.Errorf("grew by 40 MiB: %+v, then %+v", before, after)
	}
	if allocs := testing.AllocsPerRun(100, func() {
		if err := m.Read(after); err != nil {
			t.Error(err)
		}
	}); allocs > 0 {
		t.Errorf("Read allocates %v times", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := m.Usage(); err != nil {
			t.Error(err)
		}
	}); allocs > 1 { // 1 with the race detector
		t.Errorf("Usage allocates %v times", allocs)
	}
	seen := make(chan error, 1)
	if j.CgroupVersion() == 2 {
		if _, err := m.OOMKills(); err != nil {
			t.Fatal(err)
		}
		go func() { seen <- m.WaitEvents(t.Context()) }()
		select {
		case err := <-seen:
			t.Errorf("an event before there was one: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
	}
	j.Send("unsafe 600")
	if j.CgroupVersion() == 2 {
		select {
		case err := <-seen:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("no event at the limit")
		}
	}
	<-j.Exited()
	if kills, err := m.OOMKills(); err != nil || kills == nil || *kills != 1 {
		t.Errorf("kills %v, %v", kills, err)
	}
	if j.CgroupVersion() == 2 { // all is seen
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := m.WaitEvents(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no event: %v", err)
		}
	}
	if err := os.Remove(j.CgroupDir()); err != nil {
		t.Fatal(err)
	}
	_, usageErr := m.Usage()
	readErr := m.Read(new(Reading))
	_, killsErr := m.OOMKills()
	for _, err := range []error{usageErr, readErr, killsErr} {
		if !errors.Is(err, ErrGone) {
			t.Errorf("of a removed cgroup: %v", err)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	g, err := FS{}.Open(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	m, err := g.Handle()
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	run := func(name string, read func() error) {
		b.Run(name+" v"+strconv.Itoa(g.Path.Version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("usage", func() error { _, err := m.Usage(); return err })
	r := new(Reading)
	run("handle", func() error { return m.Read(r) })
	run("group", func() error { return g.Read(r) })
	run("kills", func() error { _, err := m.OOMKills(); return err })
}
