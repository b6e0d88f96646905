package cgroup

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// read opens pid of a capture and reads it.
func read(t *testing.T, dir string, pid int) Memory {
	t.Helper()
	g, err := FS{Proc: filepath.Join("testdata", dir, "proc"), fixture: true}.Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	m, err := g.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	no, page := new(bool), int64(os.Getpagesize())
	v1 := Memory{
		UsageBytes: 42237952, LimitBytes: n(67108864), PeakBytes: n(42504192), SwapBytes: n(0), SwapLimitBytes: n(0),
		AnonBytes: n(26271744), FileBytes: n(15360000), ShmemBytes: n(6946816), FileMappedBytes: n(9052160),
		FileDirtyBytes: n(8192), FileWritebackBytes: n(0), SwapCachedBytes: n(0), AnonTHPBytes: n(0),
		InactiveFileBytes: n(8396800), ActiveFileBytes: n(16384), UnevictableBytes: n(0),
		Kernel:   Kernel{TotalBytes: n(397312)},
		Events:   Events{OOMKills: n(0), LimitHits: n(0), UnderOOM: no, OOMKillDisabled: no},
		Pressure: Pressure{RefaultBytes: n(5 * page), MajorFaults: n(1)},
	}
	v2 := Memory{
		UsageBytes: 43147264, LimitBytes: n(67108864), PeakBytes: n(43147264), SwapBytes: n(0),
		AnonBytes: n(26267648), FileBytes: n(15376384), ShmemBytes: n(6950912), FileMappedBytes: n(9052160),
		FileDirtyBytes: n(36864), FileWritebackBytes: n(0), SwapCachedBytes: n(0), AnonTHPBytes: n(0),
		InactiveFileBytes: n(8388608), ActiveFileBytes: n(36864), UnevictableBytes: n(0), SlabReclaimableBytes: n(963720),
		Kernel: Kernel{TotalBytes: n(1114112), StackBytes: n(0), PageTablesBytes: n(98304), PercpuBytes: n(0),
			SlabBytes: n(979752), SockBytes: n(0), VmallocBytes: n(0)},
		Events:   Events{OOMKills: n(0), OOMs: n(0), OOMGroupKills: n(0), LimitHits: n(0), HighHits: n(0), OOMGroup: no},
		Pressure: Pressure{RefaultBytes: n(0), MajorFaults: n(0)},
	}
	for dir, want := range map[string]Memory{"v1-linux6.18-host": v1, "v1-linux6.18-sidecar": v1, "v2-linux6.1-host": v2, "v2-linux6.1-sidecar": v2} {
		got := read(t, dir, 101)
		gv, wv := reflect.ValueOf(got), reflect.ValueOf(want)
		for i := range gv.NumField() {
			if g, w := gv.Field(i).Interface(), wv.Field(i).Interface(); !reflect.DeepEqual(g, w) {
				t.Errorf("%s: %s differs from the capture", dir, gv.Type().Field(i).Name)
			}
		}
		// The parts add up to the whole but for the stock of two CPUs.
		if rest := got.UsageBytes - *got.AnonBytes - *got.FileBytes - *got.Kernel.TotalBytes; rest < -2*64*4096 || rest > 2*64*4096 {
			t.Errorf("%s: %d bytes of usage are in no part", dir, rest)
		}
	}
}

func TestDerived(t *testing.T) {
	v1, v2 := read(t, "v1-linux6.18-host", 101), read(t, "v2-linux6.1-host", 101)
	for _, tt := range []struct {
		name string
		got  *int64
		want int64
	}{
		{"v1 working set", v1.WorkingSetBytes(), 42237952 - 8396800},
		{"v2 working set", v2.WorkingSetBytes(), 43147264 - 8388608},
		{"v1 reclaimable", v1.ReclaimableBytes(), 8396800 + 16384},
		{"v2 reclaimable", v2.ReclaimableBytes(), 8388608 + 36864 + 963720},
		{"v1 rss", v1.RSSBytes(), 26271744},
		{"v2 rss", v2.RSSBytes(), 26267648},
		{"usage and inactive_file read apart", Memory{UsageBytes: 1, InactiveFileBytes: new(int64(2))}.WorkingSetBytes(), 0},
	} {
		if tt.got == nil || *tt.got != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, tt.got, tt.want)
		}
	}
	m := Memory{UsageBytes: 1}
	if m.WorkingSetBytes() != nil || m.ReclaimableBytes() != nil || m.RSSBytes() != nil {
		t.Error("unknown fields gave a known sum")
	}
}

func TestEvents(t *testing.T) {
	for version, dir := range map[int]string{1: "v1-linux6.18-oom", 2: "v2-linux6.1-oom"} {
		e, err := group(t, version, capture(t, dir)).Events()
		if err != nil || e.OOMKills == nil || *e.OOMKills != 1 {
			t.Errorf("%s: %+v, %v", dir, e, err)
		}
	}
	e, err := group(t, 2, map[string]string{"memory.events": "max 84\noom 2\noom_kill 3\noom_group_kill 1\nhigh 5\n", "memory.oom.group": "1\n", "memory.current": "0\n"}).Events()
	if err != nil || *e.LimitHits != 84 || *e.OOMs != 2 || *e.OOMKills != 3 || *e.OOMGroupKills != 1 || *e.HighHits != 5 || !*e.OOMGroup || e.UnderOOM != nil {
		t.Errorf("%+v, %v", e, err)
	}
	// Linux before 4.13 has no oom_kill.
	e, err = group(t, 1, map[string]string{"memory.oom_control": "oom_kill_disable 1\nunder_oom 1\n", "memory.failcnt": "7\n", "memory.memsw.failcnt": "4\n"}).Events()
	if err != nil || e.OOMKills != nil || !*e.UnderOOM || !*e.OOMKillDisabled || *e.LimitHits != 11 || e.OOMs != nil || e.OOMGroup != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

// variants of the captures: what other kernels and settings show.
func TestMemoryVariants(t *testing.T) {
	v1, v2 := capture(t, "v1-linux6.18-oom"), capture(t, "v2-linux6.1-oom")
	for _, tt := range []struct {
		name    string
		version int
		change  map[string]string // "" removes the file
		remove  []string          // lines of memory.stat
		add     string            // to memory.stat
		check   func(Memory) bool
	}{
		{"v2 before 5.18 has no kernel, and no vmalloc", 2, nil, []string{"kernel", "vmalloc", "sec_pagetables"}, "",
			func(m Memory) bool {
				k := m.Kernel
				return k.Summed && *k.TotalBytes == *k.StackBytes+*k.PageTablesBytes+*k.PercpuBytes+*k.SlabBytes+*k.SockBytes && k.VmallocBytes == nil
			}},
		{"v2 sockets are not in kernel", 2, nil, []string{"sock", "sec_pagetables"}, "sock 1000\nsec_pagetables 50\n",
			func(m Memory) bool {
				return *m.Kernel.TotalBytes == 204800+1000 && *m.Kernel.PageTablesBytes == 98304+50 && !m.Kernel.Summed
			}},
		{"v2 without swap accounting and peak", 2, map[string]string{"memory.swap.current": "", "memory.swap.max": "", "memory.peak": "", "memory.oom.group": ""}, nil, "",
			func(m Memory) bool {
				return m.SwapBytes == nil && m.SwapLimitBytes == nil && m.PeakBytes == nil && m.Events.OOMGroup == nil
			}},
		{"v2 limits", 2, map[string]string{"memory.swap.max": "0\n", "memory.high": "4096\n", "memory.max": "max\n"}, nil, "hugetlb 2097152\n",
			func(m Memory) bool {
				return *m.SwapLimitBytes == 0 && *m.HighBytes == 4096 && m.LimitBytes == nil && *m.HugetlbBytes == 2097152
			}},
		{"v1 without limits", 1, map[string]string{"memory.limit_in_bytes": "9223372036854771712\n", "memory.memsw.limit_in_bytes": "9223372036854771712\n"},
			[]string{"hierarchical_memory_limit", "hierarchical_memsw_limit"}, "hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n",
			func(m Memory) bool { return m.LimitBytes == nil && m.SwapLimitBytes == nil }},
		{"v1 with 64 KiB pages, without limits", 1, map[string]string{"memory.limit_in_bytes": "9223372036854710272\n", "memory.memsw.limit_in_bytes": "18446744073709551615\n"},
			[]string{"hierarchical_memory_limit", "hierarchical_memsw_limit"}, "",
			func(m Memory) bool { return m.LimitBytes == nil && m.SwapLimitBytes == nil }},
		{"v1 limits of a hidden ancestor", 1, map[string]string{"memory.limit_in_bytes": "9223372036854771712\n", "memory.memsw.limit_in_bytes": "9223372036854771712\n"},
			[]string{"hierarchical_memory_limit", "hierarchical_memsw_limit"}, "hierarchical_memory_limit 1000\nhierarchical_memsw_limit 1500\n",
			func(m Memory) bool { return *m.LimitBytes == 1000 && *m.SwapLimitBytes == 500 }},
		{"v1 without swap accounting", 1, map[string]string{"memory.memsw.limit_in_bytes": "", "memory.memsw.failcnt": ""}, []string{"total_swap", "hierarchical_memsw_limit"}, "",
			func(m Memory) bool { return m.SwapBytes == nil && m.SwapLimitBytes == nil && m.Events.LimitHits != nil }},
		{"v1 without kmem accounting", 1, map[string]string{"memory.kmem.usage_in_bytes": ""}, nil, "",
			func(m Memory) bool { return m.Kernel == Kernel{} }},
		{"v2 with pressure stall information", 2, map[string]string{"memory.pressure": "some avg10=26.68 avg60=21.44 avg300=6.85 total=23136534\nfull avg10=24.22 avg60=19.67 avg300=6.26 total=21094287\n"},
			nil, "", func(m Memory) bool { return *m.Pressure.Stalled == 21094287*time.Microsecond }},
		{"v2 with some of it", 2, map[string]string{"memory.pressure": "some avg10=26.68 avg60=21.44 avg300=6.85 total=23136534\nfull avg10=24.22 avg60=19.67 avg300=6.26 total=210"},
			nil, "", func(m Memory) bool { return m.Pressure.Stalled == nil }},
		{"v1 before 5.9", 1, nil, []string{"total_workingset_refault_file", "total_workingset_refault_anon"}, "total_workingset_refault 7\n",
			func(m Memory) bool { return *m.Pressure.RefaultBytes == 7*int64(os.Getpagesize()) }},
		{"v1 without refaults", 1, nil, []string{"total_workingset_refault_file", "total_workingset_refault_anon"}, "",
			func(m Memory) bool { return m.Pressure.RefaultBytes == nil && *m.Pressure.MajorFaults == 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := maps.Clone(v2)
			if tt.version == 1 {
				files = maps.Clone(v1)
			}
			maps.Copy(files, tt.change)
			maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
			var stat strings.Builder
			for line := range strings.Lines(files["memory.stat"]) {
				key, _, _ := strings.Cut(line, " ")
				if !slices.Contains(tt.remove, key) {
					stat.WriteString(line)
				}
			}
			files["memory.stat"] = stat.String() + tt.add
			m, err := group(t, tt.version, files).Memory()
			if err != nil || !tt.check(m) {
				t.Errorf("%+v, kernel %+v, error %v", m, m.Kernel, err)
			}
		})
	}
}

// With an error a reading holds what could be read.
func TestMemoryErrors(t *testing.T) {
	const usage = 33464320
	for _, tt := range []struct {
		name, file, text string // no text removes the file
		cause            error  // nil: any
		usage            int64
		anon, kills      bool // known
	}{
		{"no memory.stat", "memory.stat", "", fs.ErrNotExist, usage, false, true},
		{"empty memory.stat", "memory.stat", "\n", nil, usage, false, true},
		{"memory.stat cut in its first number", "memory.stat", "anon 2626", nil, usage, false, true},
		{"memory.stat cut in its second", "memory.stat", "anon 26267648\nfile 69", nil, usage, true, true},
		{"usage is no number", "memory.current", "33464320 bytes\n", nil, 0, false, false},
		{"usage is negative", "memory.current", "-1\n", nil, 0, false, false},
		{"usage is too large", "memory.current", "9223372036854775808\n", nil, 0, false, false},
		{"no usage", "memory.current", "", ErrNoController, 0, false, false},
		{"peak is no number", "memory.peak", "max\n", nil, usage, true, true},
		{"limit is no number", "memory.max", "-1\n", nil, usage, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := group(t, 2, capture(t, "v2-linux6.1-oom"))
			if err := replace(g, tt.file, tt.text); err != nil {
				t.Fatal(err)
			}
			m, err := g.Memory()
			if err == nil || errors.Is(err, ErrGone) || tt.cause != nil && !errors.Is(err, tt.cause) || !strings.Contains(err.Error(), tt.file) {
				t.Errorf("error %v, want one about %s (%v)", err, tt.file, tt.cause)
			}
			if m.UsageBytes != tt.usage || (m.AnonBytes != nil) != tt.anon || (m.Events.OOMKills != nil) != tt.kills {
				t.Errorf("partial reading %+v", m)
			}
		})
	}
}
