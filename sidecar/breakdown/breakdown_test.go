package breakdown

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorded returns the facts of a recording: testdata/<name>.facts.json, from
// `go test ./sidecar/sample -run TestRowsGrow -record <folder>`.
func recorded(t testing.TB, name string) []Facts {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var facts []Facts
	if err := json.Unmarshal(text, &facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

// TestGolden attributes recordings of real JVMs again.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.facts.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recordings (%v), want at least 5", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".facts.json")
		t.Run(name, func(t *testing.T) {
			report := Report{Schema: Schema, Time: time.Date(2026, 11, 23, 1, 50, 0, 0, time.UTC)}
			for _, f := range recorded(t, name) {
				f.Name = "app"
				c := Attribute(f)
				checkAddsUp(t, &c)
				report.Containers = append(report.Containers, c)
			}
			var table, document bytes.Buffer
			if err := report.WriteText(&table); err != nil {
				t.Fatal(err)
			}
			if err := report.WriteJSON(&document); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden.txt", table.Bytes())
			golden(t, name+".golden.json", document.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s", name, got)
	}
}

// checkAddsUp checks the invariants that hold whatever is unknown.
func checkAddsUp(t *testing.T, c *Container) {
	t.Helper()
	all := rows.All()
	if len(c.Memory) != len(all)-1 { // without Unattributed
		t.Fatalf("%d rows, want %d", len(c.Memory), len(all)-1)
	}
	var sum int64
	for i, row := range c.Memory {
		if row.Name != all[i].Name {
			t.Errorf("row %d is %s, want %s", i, row.Name, all[i].Name)
		}
		for _, d := range row.Detail {
			known := slices.ContainsFunc(all[i].Details, func(known rows.Detail) bool { return known.Name == d.Name })
			if !known && row.Name != rows.OtherProcesses {
				t.Errorf("%s: the table of rows lacks the detail %s", row.Name, d.Name)
			}
		}
		if row.Bytes == nil {
			if row.Source != "" {
				t.Errorf("%s is unknown, but has the source %q", row.Name, row.Source)
			}
			continue
		}
		if *row.Bytes < 0 {
			t.Errorf("%s: %d bytes", row.Name, *row.Bytes)
		}
		sum += *row.Bytes
		checkParts(t, string(row.Name), *row.Bytes, row.Detail)
	}
	switch {
	case c.UsageBytes == nil && c.UnattributedBytes != nil:
		t.Error("unattributed is known without usage")
	case c.UsageBytes != nil && sum+*c.UnattributedBytes != *c.UsageBytes:
		t.Errorf("rows %d + unattributed %d is not usage %d", sum, *c.UnattributedBytes, *c.UsageBytes)
	}
}

func checkParts(t *testing.T, name string, whole int64, details []Detail) {
	t.Helper()
	if len(details) == 0 {
		return
	}
	var sum int64
	for _, d := range details {
		if d.Bytes == nil {
			continue
		}
		if *d.Bytes < 0 {
			t.Errorf("%s.%s: %d bytes", name, d.Name, *d.Bytes)
		}
		sum += *d.Bytes
		checkParts(t, name+"."+d.Name, *d.Bytes, d.Detail)
	}
	if sum != whole {
		t.Errorf("the details of %s add up to %d, not %d", name, sum, whole)
	}
}

// TestEvidenceTakenAway removes one source after the other from a complete
// recording: rows become unknown, and what is left still adds up.
func TestEvidenceTakenAway(t *testing.T) {
	var names []string
	for _, row := range rows.All() {
		names = append(names, string(row.Name))
	}
	all := strings.Join(names[:len(names)-1], " ") // without Unattributed
	for _, test := range []struct {
		name  string
		take  func(*Facts)
		known string // rows
	}{
		{"nothing", func(*Facts) {}, all},
		{"other processes may not be read", func(f *Facts) {
			f.Others = []Process{{PID: 7, Command: "sh", Threads: 1}}
		}, all},
		{"no name for gc", func(f *Facts) {
			f.JVMs[0].Named = []ranges.Kind{ranges.Heap, ranges.Metaspace, ranges.ClassSpace, ranges.Stack, ranges.Code, ranges.MallocArena, ranges.MallocChunk}
		}, strings.Replace(all, " gc", "", 1)},
		{"only stacks are named", func(f *Facts) {
			f.JVMs[0].Named = []ranges.Kind{ranges.Stack}
		}, "threads libraries other_processes mapped_files shmem page_cache kernel"},
		{"no smaps", func(f *Facts) {
			f.JVMs[0].Resident, f.JVMs[0].Named, f.JVMs[0].HeapFileBytes = nil, nil, nil
		}, "other_processes shmem kernel"},
		{"no cgroup", func(f *Facts) { f.Memory = nil }, "heap metaspace threads code_cache gc native other_processes"},
		{"only usage", func(f *Facts) { f.Memory = &cgroup.Memory{UsageBytes: f.Memory.UsageBytes} },
			"heap metaspace threads code_cache gc native other_processes"},
		{"cgroup not known", func(f *Facts) { f.Memory, f.CgroupVersion = nil, 0 }, "heap metaspace threads code_cache gc native"},
		{"root cgroup of v1", func(f *Facts) { f.Root = true }, strings.Replace(all, " kernel", "", 1)},
		{"no NMT", func(f *Facts) { f.JVMs[0].Report, f.JVMs[0].Malloc = nil, nil }, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := recorded(t, "jdk17-g1-nmt-summary")[0]
			test.take(&f)
			c := Attribute(f)
			checkAddsUp(t, &c)
			var known []string
			for _, row := range c.Memory {
				if row.Bytes != nil {
					known = append(known, string(row.Name))
				}
			}
			if got := strings.Join(known, " "); got != test.known {
				t.Errorf("known rows:\n %s, want\n %s", got, test.known)
			}
			if c.Complete() != (test.known == all) {
				t.Errorf("Complete() = %v", c.Complete())
			}
		})
	}
}

// TestKernelStacks: on v1 they are computed, and have at least a page.
func TestKernelStacks(t *testing.T) {
	f := recorded(t, "jdk17-g1-nmt-summary")[0]
	f.CgroupVersion, f.Memory.Kernel.TotalBytes = 1, new(int64(1<<30))
	threads := int64(f.JVMs[0].Threads.Live)
	for _, p := range f.Others {
		threads += int64(p.Threads)
	}
	for pageKiB, stackKiB := range map[int64]int64{0: 16, 4: 16, 16: 16, 64: 64} {
		f.PageBytes = pageKiB << 10
		c := Attribute(f)
		if d := c.Row(rows.Kernel).Detail[0]; d.Name != rows.KernelStacks || *d.Bytes != threads*stackKiB<<10 {
			t.Errorf("pages of %d KiB: %s of %d threads have %d bytes", pageKiB, d.Name, threads, *d.Bytes)
		}
	}
}

// TestNoLimit: "none" is no number, and what matters then is said.
func TestNoLimit(t *testing.T) {
	f := recorded(t, "jdk17-g1-nmt-summary")[0]
	memory := *f.Memory
	memory.LimitBytes = nil
	f.Memory = &memory
	report := Report{Containers: []Container{Attribute(f)}}
	c := &report.Containers[0]
	if c.LimitBytes != nil || *c.Limited || c.HeadroomBytes != nil || !c.Complete() {
		t.Errorf("limit %v, limited %v, headroom %v", c.LimitBytes, *c.Limited, c.HeadroomBytes)
	}
	var table strings.Builder
	if err := report.WriteText(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"limit none", "OF USAGE", "No limit is set"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in:\n%s", want, table.String())
		}
	}
}

// TestTwoJVMs puts one JVM twice into a container: its rows double.
func TestTwoJVMs(t *testing.T) {
	one := recorded(t, "jdk17-g1-nmt-summary")[0]
	two := one
	second := one.JVMs[0]
	second.PID++
	two.JVMs = append(two.JVMs[:1:1], second)
	a, b := Attribute(one), Attribute(two)
	checkAddsUp(t, &b)
	for _, name := range []rows.Name{rows.Heap, rows.Metaspace, rows.Threads, rows.CodeCache, rows.GC, rows.Native} {
		if got, want := *b.Row(name).Bytes, 2**a.Row(name).Bytes; got != want {
			t.Errorf("%s of two JVMs is %d, want %d", name, got, want)
		}
	}
	if len(b.JVMs) != 2 || b.JVMs[1].PID != second.PID {
		t.Errorf("jvms: %+v", b.JVMs)
	}

	// What is unknown of one of them is unknown of both.
	two.JVMs[1].Named, two.JVMs[1].Heap = nil, nil
	b = Attribute(two)
	checkAddsUp(t, &b)
	if heap := b.Row(rows.Heap); heap.Bytes != nil || heap.UsedBytes != nil {
		t.Errorf("heap of a JVM that reports it and one that does not: %+v", heap)
	}
}

// TestNativeSplit checks who pays for memory that was claimed but not touched.
func TestNativeSplit(t *testing.T) {
	base := recorded(t, "jdk17-g1-nmt-summary")[0].JVMs[0]
	direct, internal := trackedMalloc(base.Report, base.Major)
	tracked := direct + total(internal)
	for _, test := range []struct {
		name                        string
		inUse, free, arena, unnamed int64
		direct, untracked, retained int64
	}{
		{"all touched", tracked + 5<<20, 3 << 20, tracked + 8<<20, 0, direct, 5 << 20, 3 << 20},
		{"native code mmaps", tracked, 0, tracked, 7 << 20, direct, 7 << 20, 0},
		{"freed memory returned", tracked, 90 << 20, tracked + 1<<20, 0, direct, 0, 1 << 20},
		{"tables never touched", tracked + 5<<20, 0, tracked + 4<<20, 0, direct, 5 << 20, 0},
		{"hardly anything resident", tracked, 0, 1 << 20, 0, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := base
			j.Malloc = &jvm.Malloc{InUseBytes: test.inUse, FreeBytes: test.free}
			j.Resident = map[ranges.Kind]resident.Bytes{
				ranges.MallocArena: {AnonBytes: test.arena}, ranges.Unknown: {AnonBytes: test.unnamed},
			}
			p := splitNative(&j, true)
			if *p.direct != test.direct || *p.untracked != test.untracked || *p.retained != test.retained {
				t.Errorf("direct %d, untracked %d, retained %d; want %d, %d, %d",
					*p.direct, *p.untracked, *p.retained, test.direct, test.untracked, test.retained)
			}
			if sum := *p.internal + *p.direct + *p.untracked + *p.retained; sum != test.arena+test.unnamed {
				t.Errorf("the parts add up to %d, resident is %d", sum, test.arena+test.unnamed)
			}
		})
	}
}

// TestOtherAllocator: memory of jemalloc or musl cannot be distinguished from mmaps, and
// glibc's account says nothing of it; what NMT tracks is still known.
func TestOtherAllocator(t *testing.T) {
	j := recorded(t, "jdk17-g1-nmt-summary")[0].JVMs[0]
	j.Named = slices.DeleteFunc(slices.Clone(j.Named), func(k ranges.Kind) bool {
		return k == ranges.MallocArena || k == ranges.MallocChunk
	})
	direct, internal := trackedMalloc(j.Report, j.Major)
	j.Resident = map[ranges.Kind]resident.Bytes{ranges.Unknown: {AnonBytes: direct + total(internal) + 9<<20}}
	p := splitNative(&j, true)
	if *p.direct != direct || *p.malloc != 9<<20 || p.untracked != nil || p.retained != nil {
		t.Errorf("direct %d of %d, malloc %d, untracked %v, retained %v", *p.direct, direct, *p.malloc, p.untracked, p.retained)
	}
	// Its blocks divide it. glibc's account is still of nothing.
	j.Blocks = &jvm.Blocks{ResidentBytes: 20 * mib, FreeBytes: 3 * mib, UntrackedBytes: 17 * mib, OutsideBytes: 5 * mib, Malloc: &jvm.Malloc{}}
	j.Report, j.Malloc = nil, &jvm.Malloc{InUseBytes: mib}
	for now, want := range map[int64][3]int64{25: {17, 5, 3}, 26: {18, 5, 3}, 4: {0, 4, 0}} { // 4: outdated
		j.Resident = map[ranges.Kind]resident.Bytes{ranges.Unknown: {AnonBytes: now * mib}}
		p = splitNative(&j, true)
		got := [3]int64{*p.malloc / mib, *p.mmap / mib}
		if p.retained != nil {
			got[2] = *p.retained / mib
		}
		if got != want {
			t.Errorf("%d MiB: malloc, mmap, retained %v, want %v", now, got, want)
		}
	}
}

// TestDirectBuffersOfJDK8: its NMT has them under Internal.
func TestDirectBuffersOfJDK8(t *testing.T) {
	report := recorded(t, "jdk17-g1-nmt-summary")[0].JVMs[0].Report
	modern, _ := trackedMalloc(report, 17)
	old, _ := trackedMalloc(report, 8)
	other, _ := report.Category("Other")
	internal, _ := report.Category("Internal")
	if modern != other.MallocBytes || old != other.MallocBytes+internal.MallocBytes {
		t.Errorf("direct buffers: %d on JDK 17, %d on 8", modern, old)
	}
}

// TestUnreadableProcess: the private memory of a process that may not be read is
// what is charged to the cgroup and does not belong to another process.
func TestUnreadableProcess(t *testing.T) {
	f := recorded(t, "jdk17-g1-nmt-summary")[0]
	want := *Attribute(f).rowBytes(rows.OtherProcesses)
	for i := range f.Others {
		f.Others[i].Pages = nil
	}
	c := Attribute(f)
	row := c.Row(rows.OtherProcesses)
	if diff := *row.Bytes - want; diff > 1<<20 || diff < -1<<20 || row.Source != "cgroup" {
		t.Errorf("other processes: %d from %s, measured were %d", *row.Bytes, row.Source, want)
	}
}

func (c Container) rowBytes(name rows.Name) *int64 { return c.Row(name).Bytes }

func BenchmarkAttribute(b *testing.B) {
	f := recorded(b, "jdk17-g1-nmt-summary")[0]
	b.ReportAllocs()
	for b.Loop() {
		Attribute(f)
	}
}
