package breakdown

import (
	"encoding/binary"
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const mib = 1 << 20

// walkedJVM is a JVM of 30 MiB of malloc, of which NMT tracks 14 MiB, when its blocks were
// walked through.
func walkedJVM() jvm.Facts {
	report := func() *nmt.Report {
		return &nmt.Report{Categories: []nmt.Category{
			{Name: "GC", MallocBytes: 4 * mib}, {Name: "Compiler", ArenaBytes: 3 * mib}, {Name: "Other", MallocBytes: 6 * mib},
			{Name: "Arena Chunk", MallocBytes: mib},
		}}
	}
	j := jvm.Facts{Major: 17, Report: report(), Named: []ranges.Kind{ranges.MallocArena}, Blocks: &jvm.Blocks{
		ResidentBytes: 30 * mib, FreeBytes: 5 * mib, UntrackedBytes: 13 * mib, Report: report(),
		Categories: map[string]int64{"GC": 2 * mib, "Other": 6 * mib, "Arena Chunk": 4 * mib},
	}}
	j.Resident = map[ranges.Kind]resident.Bytes{ranges.MallocArena: {AnonBytes: 30 * mib}}
	return j
}

// TestSplitBlocks: what happened since the walk is found where it belongs.
func TestSplitBlocks(t *testing.T) {
	accounts := func(j *jvm.Facts, inUse, free int64) {
		j.Blocks.Malloc = &jvm.Malloc{InUseBytes: 27 * mib, FreeBytes: 9 * mib}
		j.Malloc = &jvm.Malloc{InUseBytes: (27 + inUse) * mib, FreeBytes: (9 + free) * mib}
	}
	grow := func(j *jvm.Facts, bytes int64) {
		j.Resident[ranges.MallocArena] = resident.Bytes{AnonBytes: (30 + bytes) * mib}
	}
	for name, tt := range map[string]struct {
		change func(*jvm.Facts)
		// in MiB
		gc, compiler, chunks, direct, untracked, retained int64
	}{
		"nothing": {func(*jvm.Facts) {}, 2, 3, 1, 6, 13, 5},
		"JDK 8": {func(j *jvm.Facts) {
			j.Major = 8
			j.Blocks.Categories["Internal"] = mib
			j.Blocks.FreeBytes -= mib
		}, 2, 3, 1, 7, 13, 4},
		"NMT's arenas are unknown":    {func(j *jvm.Facts) { j.Blocks.Report = nil }, 2, 0, 4, 6, 13, 5},
		"JNI allocates":               {func(j *jvm.Facts) { grow(j, 7) }, 2, 3, 1, 6, 20, 5},
		"buffers are allocated":       {func(j *jvm.Facts) { grow(j, 7); j.Report.Categories[2].MallocBytes += 7 * mib }, 2, 3, 1, 13, 13, 5},
		"buffers reuse what was free": {func(j *jvm.Facts) { j.Report.Categories[2].MallocBytes += 4 * mib }, 2, 3, 1, 10, 13, 1},
		"buffers are freed, and kept": {func(j *jvm.Facts) { j.Report.Categories[2].MallocBytes -= 4 * mib }, 2, 3, 1, 2, 13, 9},
		"buffers are freed":           {func(j *jvm.Facts) { grow(j, -4); j.Report.Categories[2].MallocBytes -= 4 * mib }, 2, 3, 1, 2, 13, 5},
		"a table is not touched yet":  {func(j *jvm.Facts) { j.Report.Categories[0].MallocBytes += 4 * mib }, 2, 3, 1, 6, 13, 5},
		"free memory is returned":     {func(j *jvm.Facts) { grow(j, -4) }, 2, 3, 1, 6, 13, 1},
		"all but 9 MiB are gone":      {func(j *jvm.Facts) { grow(j, -21) }, 2, 1, 0, 6, 0, 0},
		"glibc: JNI frees":            {func(j *jvm.Facts) { accounts(j, -4, 4) }, 2, 3, 1, 6, 9, 9},
		"glibc: JNI does not touch":   {func(j *jvm.Facts) { accounts(j, 20, 0); grow(j, 5) }, 2, 3, 1, 6, 18, 5},
		"glibc: buffers are freed": {func(j *jvm.Facts) {
			accounts(j, -4, 4)
			j.Report.Categories[2].MallocBytes -= 4 * mib
		}, 2, 3, 1, 2, 13, 9},
		"the JVM does not answer": {func(j *jvm.Facts) { j.Report = nil; grow(j, 1) }, 2, 3, 1, 6, 14, 5},
	} {
		t.Run(name, func(t *testing.T) {
			j := walkedJVM()
			tt.change(&j)
			p := splitNative(&j, true)
			got := []int64{p.categories["gc"], p.categories["compiler"], p.categories["arena_chunk"], *p.direct, *p.untracked, *p.retained}
			for i, want := range []int64{tt.gc, tt.compiler, tt.chunks, tt.direct, tt.untracked, tt.retained} {
				if got[i] != want*mib {
					t.Errorf("part %d is %d bytes, want %d MiB", i, got[i], want)
				}
			}
			if sum := *p.internal + *p.direct + *p.untracked + *p.retained; sum != j.Resident[ranges.MallocArena].AnonBytes {
				t.Errorf("the parts add up to %d", sum)
			}
		})
	}
}

// TestSplitBlocksWithoutNMT: what is in use has no names.
func TestSplitBlocksWithoutNMT(t *testing.T) {
	j := walkedJVM()
	j.Report, j.Blocks.Report, j.Blocks.Categories, j.Blocks.UntrackedBytes = nil, nil, nil, 25*mib
	j.Resident[ranges.Unknown] = resident.Bytes{AnonBytes: 3 * mib}
	p := splitNative(&j, true)
	if p.internal != nil || p.direct != nil || p.untracked != nil || *p.malloc != 25*mib || *p.mmap != 3*mib || *p.retained != 5*mib {
		t.Errorf("%+v", p)
	}
}

// TestOutdatedBlocks: when much changed since the walk, and nothing reports what, what came since
// is not divided until the next one. Where HotSpot's own blocks were known, the others are not
// taken for it meanwhile.
func TestOutdatedBlocks(t *testing.T) {
	for _, now := range []int64{28 * mib, 32 * mib} {
		j := walkedJVM()
		walked := total(partsOf(j.Blocks, j.Major))
		j.Report, j.Resident[ranges.MallocArena] = nil, resident.Bytes{AnonBytes: now}
		p := splitNative(&j, true)
		if now < walked {
			if p.internal != nil || p.direct != nil || p.untracked != nil || p.retained != nil || *p.malloc != now {
				t.Errorf("%d MiB: %+v", now/mib, p)
			}
			continue
		}
		was := partsOf(j.Blocks, j.Major)
		if *p.malloc != now-walked || *p.direct != was[rows.DirectBuffers] || *p.internal+*p.direct+*p.untracked+*p.retained+*p.malloc != now {
			t.Errorf("%d MiB: %+v", now/mib, p)
		}
		if at := walkedAt(&j, true); at == nil {
			t.Errorf("%d MiB: not divided by a walk", now/mib)
		}
		j.Blocks.Categories = nil
		if p := splitNative(&j, true); p.internal != nil || p.direct != nil || *p.malloc != now {
			t.Errorf("%d MiB without NMT: %+v", now/mib, p)
		}
	}
}

// FuzzSplitBlocks: whatever is reported, the parts add up to what is resident, and none is
// negative.
func FuzzSplitBlocks(f *testing.F) {
	f.Add([]byte{1, 200, 3, 0, 5, 100, 7, 8, 255, 10, 11, 12, 13, 99, 15, 16, 17})
	f.Fuzz(func(t *testing.T, numbers []byte) {
		next := func() int64 {
			var b [8]byte
			numbers = numbers[copy(b[:3], numbers):]
			return int64(binary.LittleEndian.Uint64(b[:])) * 16
		}
		j := walkedJVM()
		j.Resident = map[ranges.Kind]resident.Bytes{
			ranges.MallocArena: {AnonBytes: next()}, ranges.MallocChunk: {AnonBytes: next()},
			ranges.VMInternal: {AnonBytes: next()}, ranges.Unknown: {AnonBytes: next()},
		}
		for _, r := range []*nmt.Report{j.Report, j.Blocks.Report} {
			for i := range r.Categories {
				r.Categories[i].MallocBytes, r.Categories[i].ArenaBytes = next(), next()
			}
		}
		for name := range map[string]bool{"GC": true, "Other": true, "Arena Chunk": true} {
			j.Blocks.Categories[name] = next()
		}
		j.Blocks.FreeBytes, j.Blocks.UntrackedBytes = next(), next()
		if next()%32 == 0 {
			j.Malloc, j.Blocks.Malloc = &jvm.Malloc{InUseBytes: next(), FreeBytes: next()}, &jvm.Malloc{InUseBytes: next(), FreeBytes: next()}
		}
		p := splitNative(&j, true)
		var sum, want int64
		for _, bytes := range []int64{*p.internal, *p.direct, *p.untracked, *p.retained} {
			if sum += bytes; bytes < 0 {
				t.Errorf("%d bytes", bytes)
			}
		}
		for _, bytes := range p.categories {
			if bytes < 0 {
				t.Errorf("categories %v", p.categories)
			}
		}
		for _, b := range j.Resident {
			want += b.AnonBytes
		}
		if sum != want || *p.internal != total(p.categories) {
			t.Errorf("the parts add up to %d, want %d", sum, want)
		}
	})
}

// TestNamesOfBlocks: the names of HotSpot's categories are as without a walk.
func TestNamesOfBlocks(t *testing.T) {
	j := recorded(t, "jdk17-g1-nmt-summary")[0].JVMs[0]
	_, want := trackedMalloc(j.Report, j.Major)
	j.Blocks = &jvm.Blocks{Categories: make(map[string]int64)}
	for _, c := range j.Report.Categories {
		j.Blocks.Categories[c.Name] = 1
	}
	got := partsOf(j.Blocks, j.Major)
	for name := range want {
		if _, found := got[name]; !found {
			t.Errorf("no part %s in %v", name, got)
		}
	}
	if got[rows.DirectBuffers] == 0 {
		t.Errorf("no direct buffers in %v", got)
	}
}
