package malloc

import (
	"cmp"
	"math"
	"slices"
)

// minSample is how many arena heaps are walked through in any case.
const minSample = 4

// choose divides the heaps into those that are walked through, and a sample of the others, with
// some limit bytes in all; 0: no limit. The main arena is one heap, so it is not sampled.
func (w *walker) choose(heaps []*heap, limit int64) (whole, sampled []*heap) {
	var mapped int64
	for _, h := range heaps {
		mapped += int64(h.end - h.mapped.Start)
	}
	if limit == 0 || mapped <= limit {
		return heaps, nil
	}
	var others []*heap
	var all int64
	resident := make(map[*heap]int64, len(heaps))
	for _, h := range heaps {
		resident[h] = w.resident(h.mapped.Start, h.end)
		if h.arena.main {
			whole, limit = append(whole, h), limit-resident[h]
		} else {
			others, all = append(others, h), all+resident[h]
		}
	}
	if all <= limit || len(others) <= minSample {
		return heaps, nil
	}
	// By a hash of the address: next time they are the same, whatever else there is.
	order := func(h *heap) uint64 { return h.mapped.Start / HeapMax * 0x9E3779B97F4A7C15 }
	slices.SortFunc(others, func(a, b *heap) int { return cmp.Compare(order(a), order(b)) })
	for _, h := range others {
		if len(sampled) < minSample || w.totals.SampledBytes < limit {
			sampled, w.totals.SampledBytes = append(sampled, h), w.totals.SampledBytes+resident[h]
		} else {
			w.totals.SkippedBytes += resident[h]
		}
	}
	return whole, sampled
}

// Weight is how many blocks each block that is Sampled stands for: 1 if there is no sample.
func (t *Totals) Weight() float64 {
	if t.SampledBytes == 0 {
		return 1
	}
	return float64(t.SampledBytes+t.SkippedBytes) / float64(t.SampledBytes)
}

// scale makes what was added since before stand for all that was sampled.
func (t *Totals) scale(before Totals) {
	weight := t.Weight()
	for _, n := range [][2]*int64{{&t.OwnBytes, &before.OwnBytes}, {&t.LostBytes, &before.LostBytes}} {
		*n[0] = *n[1] + scaled(*n[0]-*n[1], weight)
	}
	for i := range t.Blocks {
		t.Blocks[i] = before.Blocks[i] + scaled(t.Blocks[i]-before.Blocks[i], weight)
		t.ResidentBytes[i] = before.ResidentBytes[i] + scaled(t.ResidentBytes[i]-before.ResidentBytes[i], weight)
	}
}

func scaled(n int64, weight float64) int64 { return int64(math.Round(float64(n) * weight)) }

// AddSample adds blocks that stand for more: each for weight blocks.
func (s *Split) AddSample(of *Split, weight float64) {
	for i := range s.kinds {
		s.found[i] += scaled(of.found[i], weight)
		for k := range s.kinds[i] {
			to, from := &s.kinds[i][k], &of.kinds[i][k]
			to.Blocks += scaled(from.Blocks, weight)
			to.Bytes += scaled(from.Bytes, weight)
			to.ResidentBytes += scaled(from.ResidentBytes, weight)
		}
	}
	s.inUse += scaled(of.inUse, weight)
	s.residentBytes += scaled(of.residentBytes, weight)
}
