package owners

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/jvmem/jvmem/jvm/malloc"
)

const (
	// maxGrown bounds the kinds that are looked into, minShare their part of the growth.
	maxGrown = 32
	minShare = 0.005
	// maxSamples of each kind are looked at. What refers to less than minSamples may do so by
	// accident: as a leftover in memory that was not cleared.
	maxSamples, minSamples = 256, 4
)

// grown is a kind of blocks that grew, or all of the smaller ones together.
type grown struct {
	key    key
	rest   bool // all kinds that the Snapshot has not
	now    Amount
	growth Amount

	samples []sample
	seen    int64 // while sampling
}

// sample is one block.
type sample struct{ addr, end, arena uint64 }

// growthOf returns the kinds that grew, most first, and the sum.
func growthOf(since, now *Snapshot, l *libraries) (list []*grown, sum Amount) {
	before := make(map[key]Amount)
	var floor int64
	if since != nil {
		floor = since.LargestRestBytes
		for i := range since.Kinds {
			if k, ok := since.Kinds[i].key(l); ok {
				before[k] = since.Kinds[i].Amount
			}
		}
	}
	for i := range now.Kinds {
		k, ok := now.Kinds[i].key(l)
		if !ok {
			continue
		}
		was, known := before[k]
		if a := now.Kinds[i].Amount; !known && since != nil && a.ResidentBytes <= floor {
			continue // it may have been there
		} else if k.unnamed() && a.ResidentBytes > was.ResidentBytes {
			g := less(a, was)
			g.Blocks = max(g.Blocks, 0) // the kernel joins adjacent mappings
			list = append(list, &grown{key: k, now: a, growth: g})
		} else if a.ResidentBytes > was.ResidentBytes && a.Blocks > was.Blocks {
			list = append(list, &grown{key: k, now: a, growth: less(a, was)})
		}
	}
	rest := now.Rest
	if since != nil {
		rest = less(now.Rest, since.Rest)
	}
	if rest.ResidentBytes > 0 && rest.Blocks > 0 {
		list = append(list, &grown{rest: true, now: now.Rest, growth: rest})
	}
	for _, g := range list {
		sum.add(g.growth)
	}
	slices.SortStableFunc(list, func(a, b *grown) int { return cmp.Compare(b.growth.ResidentBytes, a.growth.ResidentBytes) })
	return list, sum
}

func less(a, b Amount) Amount {
	return Amount{a.Blocks - b.Blocks, a.Bytes - b.Bytes, a.ResidentBytes - b.ResidentBytes}
}

// selected are the kinds that are looked into.
func selected(list []*grown, sum Amount) []*grown {
	n := 0
	for n < len(list) && n < maxGrown && float64(list[n].growth.ResidentBytes) >= minShare*float64(sum.ResidentBytes) {
		n++
	}
	return list[:n]
}

// takeSamples takes blocks of each kind, as likely one as another.
func (p *process) takeSamples(list []*grown, now *Snapshot) (reason string, err error) {
	byKey := make(map[key]*grown)
	var rest *grown
	for _, g := range list {
		if g.rest {
			rest = g
		} else {
			byKey[g.key] = g
		}
	}
	if rest != nil { // its blocks are those of no kind of the Snapshot
		for i := range now.Kinds {
			if k, ok := now.Kinds[i].key(&p.libraries); ok && byKey[k] == nil {
				byKey[k] = nil
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	return p.walk(func(b *malloc.Block) {
		g, known := byKey[p.classify(b)]
		if !known {
			g = rest
		}
		if g == nil {
			return
		}
		s := sample{b.Addr, b.End(), b.Arena}
		if g.seen++; len(g.samples) < maxSamples {
			g.samples = append(g.samples, s)
		} else if i := random.Int64N(g.seen); i < maxSamples {
			g.samples[i] = s
		}
	})
}

// agreed reports whether a name that hits of the samples agree on is that of the growth:
// at least 90 % agree, and the others could not be most of the growth, as blocks of the
// kind were there before. Of what was not sampled, three more may be others at 95 %.
func (g *grown) agreed(hits int) bool {
	n := len(g.samples)
	if n == 0 || 10*hits < 9*n {
		return false
	}
	others := float64(n - hits)
	if int64(n) < g.seen {
		others += 3
	}
	return others/float64(n)*float64(g.seen) <= 0.3*float64(g.growth.Blocks)
}
