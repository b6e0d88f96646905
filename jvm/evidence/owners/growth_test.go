package owners

import "testing"

func amountFor(blocks int64) Amount { return Amount{blocks, 32 * blocks, 32 * blocks} }

func TestGrowth(t *testing.T) {
	p := fakeProcess(fakeMemory{})
	kind := func(size uint64, blocks int64) Kind { return Kind{BlockBytes: size, Amount: amountFor(blocks)} }
	gone := Kind{BlockBytes: 32, Library: "libgone.so", Amount: amountFor(9)}
	since := &Snapshot{Kinds: []Kind{kind(32, 100), kind(48, 50), gone}, Rest: amountFor(20), LargestRestBytes: 32 * 5}
	now := &Snapshot{Kinds: []Kind{kind(32, 300), kind(48, 50), kind(64, 5), kind(80, 6)}, Rest: amountFor(30)}
	list, sum := growthOf(since, now, &p.libraries)
	got := map[uint64]int64{}
	for _, g := range list {
		got[g.key.size] = g.growth.Blocks // the rest has no size
	}
	// Of 64 bytes there may have been as many: the baseline has them in its rest.
	if want := (map[uint64]int64{32: 200, 80: 6, 0: 10}); len(got) != 3 || got[32] != want[32] || got[80] != want[80] || got[0] != want[0] || sum != amountFor(216) {
		t.Errorf("%v, %+v", got, sum)
	}
	if list[0].key.size != 32 || len(selected(list, sum)) != 3 {
		t.Errorf("%+v", list[0])
	}
	// Mappings without a name are joined: they grow in bytes.
	mapped := func(blocks, bytes int64) Kind {
		return Kind{Category: mappedCategory, Amount: Amount{blocks, bytes, bytes}}
	}
	since, now = &Snapshot{Kinds: []Kind{mapped(9, 100)}}, &Snapshot{Kinds: []Kind{mapped(8, 900)}}
	if list, sum := growthOf(since, now, &p.libraries); len(list) != 1 || !list[0].key.unnamed() || sum != (Amount{0, 800, 800}) {
		t.Errorf("mapped: %v, %+v", list, sum)
	}
	if list, _ := growthOf(now, since, &p.libraries); len(list) != 0 {
		t.Errorf("unmapped: %+v", list[0])
	}
}

func TestGrowthOfAll(t *testing.T) {
	p := fakeProcess(fakeMemory{})
	now := &Snapshot{Kinds: []Kind{{BlockBytes: 32, Amount: amountFor(300)}, {BlockBytes: 48, Amount: amountFor(50)}}, Rest: amountFor(30)}
	if _, all := growthOf(nil, now, &p.libraries); all != amountFor(300+50+30) {
		t.Errorf("without a baseline %+v", all)
	}
}

// TestAgreed: a name is that of the growth only if it cannot be that of what was there
// before.
func TestAgreed(t *testing.T) {
	tests := []struct {
		samples, hits int
		seen, growth  int64
		want          bool
	}{
		{256, 256, 1000, 1000, true},
		{256, 231, 1000, 1000, true},
		{256, 230, 1000, 1000, false}, // less than 90 %
		{256, 256, 10000, 1000, true},
		{256, 256, 100000, 1000, false}, // 3 of 256 more: more than the growth
		{256, 240, 10000, 1000, false},  // the others may be all that grew
		{8, 8, 8, 8, true},              // all were looked at
		{8, 7, 8, 8, false},
		{0, 0, 0, 10, false},
	}
	for _, test := range tests {
		g := &grown{samples: make([]sample, test.samples), seen: test.seen, growth: amountFor(test.growth)}
		if got := g.agreed(test.hits); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
