package breakdown

import (
	"math/rand/v2"
	"testing"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestAnyFacts: whatever was read, and however little it fits together, rows and unattributed
// memory add up to usage, parts to their whole, and none is negative.
func TestAnyFacts(t *testing.T) {
	for seed := range uint64(4_000) {
		r := random{rand.New(rand.NewPCG(seed, 0))}
		f := r.facts()
		c := Attribute(f)
		if checkAddsUp(t, &c); t.Failed() {
			t.Fatalf("seed %d: %+v\nof %+v", seed, c, f)
		}
	}
}

// random makes facts. Sources are read at different times, so nothing of it has to fit.
type random struct{ *rand.Rand }

func (r random) bytes() int64 {
	if r.IntN(4) == 0 {
		return 0
	}
	return r.Int64N(1 << (12 + r.IntN(30)))
}

func (r random) signed() int64 {
	if r.IntN(8) == 0 {
		return -r.bytes()
	}
	return r.bytes()
}

// maybe returns a size, or nil: unknown.
func (r random) maybe() *int64 {
	if r.IntN(5) == 0 {
		return nil
	}
	return new(r.bytes())
}

func (r random) some() resident.Bytes {
	return resident.Bytes{AnonBytes: r.bytes(), FileBytes: r.bytes(), ShmemBytes: r.bytes(), ReservedBytes: r.bytes()}
}

func (r random) facts() Facts {
	f := Facts{Identity: rows.Identity{CgroupVersion: r.IntN(3)}, PageBytes: []int64{0, 4 << 10, 16 << 10, 64 << 10}[r.IntN(4)], Root: r.IntN(8) == 0, Memory: r.memory()}
	for range 1 + r.IntN(3) {
		f.JVMs = append(f.JVMs, r.jvm())
	}
	for range r.IntN(4) {
		p := Process{Command: "sh", Threads: r.IntN(10), PageTablesBytes: r.bytes()}
		if r.IntN(4) > 0 {
			p.Pages = new(r.some())
		}
		f.Others = append(f.Others, p)
	}
	return f
}

func (r random) memory() *cgroup.Memory {
	if r.IntN(8) == 0 {
		return nil
	}
	m := &cgroup.Memory{UsageBytes: r.bytes()}
	for _, to := range []**int64{
		&m.LimitBytes, &m.SwapBytes, &m.AnonBytes, &m.FileBytes, &m.ShmemBytes, &m.FileMappedBytes, &m.InactiveFileBytes, &m.SlabReclaimableBytes,
		&m.Kernel.TotalBytes, &m.Kernel.StackBytes, &m.Kernel.PageTablesBytes, &m.Kernel.SlabBytes, &m.Kernel.PercpuBytes, &m.Kernel.SockBytes, &m.Kernel.VmallocBytes,
	} {
		*to = r.maybe()
	}
	return m
}

func (r random) jvm() jvm.Facts {
	j := jvm.Facts{Major: []int{0, 8, 17, 28}[r.IntN(4)], HeapDerived: r.IntN(2) == 0, PageTablesBytes: r.bytes()}
	j.Threads.Live = r.IntN(3000)
	j.Ranges = []ranges.Source{ranges.FromNMT, ranges.FromCommands, ranges.FromStructs, ranges.FromPatterns}[r.IntN(4)]
	if r.IntN(8) > 0 {
		j.Resident = make(map[ranges.Kind]resident.Bytes)
		for kind := ranges.Unknown; kind <= ranges.SharedMem; kind++ {
			if r.IntN(4) > 0 {
				j.Resident[kind] = r.some()
			}
			if r.IntN(8) > 0 {
				j.Named = append(j.Named, kind)
			}
		}
	}
	if r.IntN(3) == 0 {
		j.HeapFileBytes = r.maybe()
	}
	j.Report, j.Malloc = r.report(), r.malloc()
	if r.IntN(2) == 0 {
		j.Blocks = r.blocks()
	}
	return j
}

func (r random) report() *nmt.Report {
	if r.IntN(4) == 0 {
		return nil
	}
	report := &nmt.Report{}
	for _, name := range []string{"Java Heap", "Class", "Thread", "GC", "Compiler", "Internal", "Other", "Arena Chunk", "Native Memory Tracking"} {
		if r.IntN(3) > 0 {
			report.Categories = append(report.Categories, nmt.Category{Name: name, MallocBytes: r.bytes(), ArenaBytes: r.bytes(), OverheadBytes: r.bytes(), MmapCommittedBytes: r.bytes()})
		}
	}
	return report
}

func (r random) malloc() *jvm.Malloc {
	if r.IntN(4) == 0 {
		return nil
	}
	return &jvm.Malloc{InUseBytes: r.signed(), FreeBytes: r.signed()} // in use: with what NMT saw since, so it may be anything
}

func (r random) blocks() *jvm.Blocks {
	b := &jvm.Blocks{ResidentBytes: r.bytes(), FreeBytes: r.bytes(), UntrackedBytes: r.bytes(), OutsideBytes: r.bytes(), Report: r.report(), Malloc: r.malloc()}
	if r.IntN(4) > 0 {
		b.Categories = make(map[string]int64)
		for _, name := range []string{"GC", "Thread", "Other", "Internal", "Arena Chunk"} {
			if r.IntN(3) > 0 {
				b.Categories[name] = r.bytes()
			}
		}
	}
	return b
}
