package malloc

import (
	"math"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestSample: of many arenas some stand for the others, and the sums are those of all.
func TestSample(t *testing.T) {
	const (
		arenas, size = 10, 1 << 10
		account      = base - HeapMax
	)
	r := &recording{process: newProcess()}
	blocks := 0
	for i := range uint64(arenas) {
		for _, c := range r.arenaAt(base+i*HeapMax, 0x30, size) {
			r.set(c+chunkHeader, size-8-trackingHeader-trackingFooter)
			r.set(c+chunkHeader+8, canary<<48|3<<32)
			blocks++
		}
	}
	r.chunk(account, mib)
	r.areas.Found = append(r.areas.Found, chunk(account, account+mib))
	slices.SortFunc(r.areas.Found, func(a, b ranges.Range) int { return int(int64(a.Start) - int64(b.Start)) })
	walk := func(bytes int64) (Totals, Result, map[uint64]bool) {
		var all, sample Split
		seen := make(map[uint64]bool)
		budget := ample
		budget.Bytes = bytes
		totals, err := Walk(r, r, r.areas, budget, func(b *Block) {
			if seen[b.Arena] = true; b.Sampled {
				sample.Add(b)
			} else {
				all.Add(b)
			}
		})
		if err != nil || !totals.Complete() {
			t.Fatalf("%+v, %v", totals, err)
		}
		checkSum(t, r, r.areas, totals)
		all.AddSample(&sample, totals.Weight())
		return totals, all.Result(JVM{NMT: "summary"}), seen
	}
	exact, of, _ := walk(0)
	if exact.SampledBytes != 0 || of.Categories[3].Blocks != int64(blocks) {
		t.Errorf("%+v, %d of %d blocks", exact, of.Categories[3].Blocks, blocks)
	}
	if enough, _, _ := walk(arenas * HeapMax); enough != exact {
		t.Errorf("with room for all: %+v, want %+v", enough, exact)
	}
	for bytes, want := range map[int64]int{1: minSample, 6 * arenaBytes: 6} {
		totals, sampled, seen := walk(bytes)
		if len(seen) != want+1 || totals.SampledBytes != int64(want*arenaBytes) || totals.SkippedBytes != int64((arenas-want)*arenaBytes) {
			t.Errorf("%d of %d arenas, %+v", len(seen)-1, want, totals)
		}
		if off := math.Abs(float64(sampled.Categories[3].ResidentBytes-of.Categories[3].ResidentBytes)) / float64(of.Categories[3].ResidentBytes); off > 0.001 {
			t.Errorf("off by %.4f: %+v, want %+v", off, sampled.Categories[3], of.Categories[3])
		}
		if sampled.UntrackedResidentBytes != of.UntrackedResidentBytes { // the mmapped chunk
			t.Errorf("%d bytes untracked, want %d", sampled.UntrackedResidentBytes, of.UntrackedResidentBytes)
		}
	}
}
