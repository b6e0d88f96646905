package resident

import (
	"errors"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

func TestCountHeap(t *testing.T) {
	heap := func(change func(*Heap)) Heap {
		h := Heap{Spans: []pages.Span{{Start: 1 << 20, End: 2 << 20}}, Exact: true, Queries: 100}
		if change != nil {
			change(&h)
		}
		return h
	}
	old := new(float64(youngSeconds))
	for name, tt := range map[string]struct {
		heap    Heap
		queries int
		age     *float64
		swap    int64
		reason  string // "": it is not counted
	}{
		"derived":           {heap: heap(nil), queries: 101, age: old},
		"often":             {heap: heap(nil), queries: 100 + recountEvery - 1, age: old},
		"too often":         {heap: heap(nil), queries: 100 + recountEvery, age: old, reason: "the heap has not been counted for 30 samples"},
		"large":             {heap: heap(func(h *Heap) { h.Bytes = 4 << 30 }), queries: 100 + 9*recountEvery - 1, age: old},
		"large, too often":  {heap: heap(func(h *Heap) { h.Bytes = 4 << 30 }), queries: 100 + 9*recountEvery, age: old, reason: "the heap has not been counted for 270 samples"},
		"huge, too often":   {heap: heap(func(h *Heap) { h.Bytes = 1 << 40 }), queries: 100 + 20*recountEvery, age: old, reason: "the heap has not been counted for 600 samples"},
		"never counted":     {heap: Heap{}, queries: 1, age: old, reason: "the addresses of the heap are not known"},
		"a lagging kernel":  {heap: heap(func(h *Heap) { h.Exact = false }), queries: 101, age: old, reason: "the kernel's sum of anonymous memory differs from the pages"},
		"it did not add up": {heap: heap(func(h *Heap) { h.Doubted = 90 }), queries: 101, age: old, reason: "what is left of the kernel's sum did not add up"},
		"long ago":          {heap: heap(func(h *Heap) { h.Doubted = 90 }), queries: 90 + recountEvery, age: old},
		"young":             {heap: heap(nil), queries: 101, age: new(float64(youngSeconds - 1)), reason: "the JVM started less than 30 s ago"},
		"of unknown age":    {heap: heap(nil), queries: 101, reason: "the JVM started less than 30 s ago"},
		"in swap":           {heap: heap(nil), queries: 101, age: old, swap: 4096, reason: "some of the JVM is in swap"},
	} {
		want := Decision{Action: Count, Reason: tt.reason}
		if tt.reason == "" {
			want = Decision{}
		}
		if got := (Policy{}).CountHeap(tt.heap, tt.queries, tt.age, tt.swap); got != want {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Action, got.Reason, want.Action, want.Reason)
		}
	}
}

func TestHeapOf(t *testing.T) {
	list := []ranges.Range{
		{Start: 0x1000, End: 0x2000, Kind: ranges.Stack}, {Start: 0x4000, End: 0x8000, Kind: ranges.Heap}, {Start: 0x9000, End: 0xa000, Kind: ranges.Heap},
	}
	spans := []pages.Span{{Start: 0x4000, End: 0x8000}, {Start: 0x9000, End: 0xa000}}
	counts := Counts{Kinds: map[ranges.Kind]Bytes{ranges.Heap: {AnonBytes: 50 * mib}, ranges.Stack: {AnonBytes: 7 * mib, FileBytes: mib}}}
	for name, tt := range map[string]struct {
		rssAnon int64
		err     error
		exact   bool
	}{
		"equal":           {57 * mib, nil, true},
		"a little moved":  {58 * mib, nil, true},
		"more":            {58*mib + 1, nil, false},
		"less":            {56*mib - 1, nil, false},
		"pages are lost":  {57 * mib, errPagemap, false},
		"pages were lost": {57 * mib, errors.New("other"), false},
	} {
		counts.Err = tt.err
		if h := (Policy{}).HeapOf(list, &counts, tt.rssAnon, 7); h.Exact != tt.exact || h.Queries != 7 || h.Bytes != 50*mib || !slices.Equal(h.Spans, spans) {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestAddHeap(t *testing.T) {
	c := Counts{Kinds: map[ranges.Kind]Bytes{
		ranges.Heap:  {AnonBytes: 4096, FileBytes: 8192, ReservedBytes: 64 * mib}, // beside code that was written, in one call
		ranges.Stack: {AnonBytes: 7 * mib},
	}}
	if !c.AddHeap(50*mib) || c.AnonBytes() != 50*mib || c.Kinds[ranges.Heap] != (Bytes{AnonBytes: 43 * mib, FileBytes: 8192, ReservedBytes: 64 * mib}) {
		t.Errorf("%+v", c.Kinds)
	}
	if c.AddHeap(50*mib-1) || c.AnonBytes() != 50*mib {
		t.Errorf("a negative rest: %+v", c.Kinds)
	}
}

func TestVerifyHeap(t *testing.T) {
	unknown := Decision{Count, "the sum of the processes' memory is unknown"}
	off := Decision{Count, "the processes' memory does not add up to what the cgroup is charged"}
	for name, tt := range map[string]struct {
		processes, charged *int64
		want               Decision
	}{
		"equal":               {new(int64(90 * mib)), new(int64(90 * mib)), Decision{}},
		"a little moved":      {new(int64(90 * mib)), new(int64(91 * mib)), Decision{}},
		"charged for more":    {new(int64(90 * mib)), new(int64(91*mib + 1)), off},
		"charged for less":    {new(int64(90 * mib)), new(int64(89*mib - 1)), off},
		"a process is hidden": {nil, new(int64(90 * mib)), unknown},
		"no cgroup":           {new(int64(90 * mib)), nil, unknown},
	} {
		if got := (Policy{}).VerifyHeap(tt.processes, tt.charged); got != tt.want {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Action, got.Reason, tt.want.Action, tt.want.Reason)
		}
	}
}
