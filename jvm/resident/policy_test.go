package resident

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/nmt"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func report(mallocBytes int64) *nmt.Report {
	return &nmt.Report{Categories: []nmt.Category{{Name: "Other", MallocBytes: mallocBytes}}}
}

// TestReuse: the last count of a JVM's pages is used as long as nothing shows that they
// changed.
func TestReuse(t *testing.T) {
	const tolerance = 256 * kib
	indicators := func(change func(*Indicators)) Indicators {
		i := Indicators{AnonBytes: 90 * mib, FileBytes: 20 * mib, ShmemBytes: mib, PageTablesBytes: mib,
			NMT: report(10 * mib), ThreadsStarted: new(int64(30)), AgeSeconds: new(float64(youngSeconds))}
		change(&i)
		return i
	}
	same := func(*Indicators) {}
	mapped := func(name string, bytes, stacks int64) *nmt.Report {
		r := report(10 * mib)
		r.Categories = append(r.Categories, nmt.Category{Name: name, MmapCommittedBytes: bytes, StackCommittedBytes: stacks})
		return r
	}
	for name, tt := range map[string]struct {
		was, now func(*Indicators)
		reused   int
		want     Decision
	}{
		"nothing changed":        {same, same, 0, Decision{}},
		"all changed a little":   {same, func(i *Indicators) { i.AnonBytes += tolerance; i.FileBytes -= tolerance }, 0, Decision{}},
		"threads started":        {same, func(i *Indicators) { *i.ThreadsStarted++ }, 0, Decision{}}, // their names are read again
		"anonymous memory":       {same, func(i *Indicators) { i.AnonBytes += tolerance + 1 }, 0, Decision{Count, "RssAnon changed"}},
		"anonymous memory freed": {same, func(i *Indicators) { i.AnonBytes -= tolerance + 1 }, 0, Decision{Count, "RssAnon changed"}},
		"mapped files":           {same, func(i *Indicators) { i.FileBytes += tolerance + 1 }, 0, Decision{Count, "RssFile changed"}},
		"shared memory":          {same, func(i *Indicators) { i.ShmemBytes += tolerance + 1 }, 0, Decision{Count, "RssShmem changed"}},
		"swap":                   {same, func(i *Indicators) { i.SwapBytes += tolerance + 1 }, 0, Decision{Count, "VmSwap changed"}},
		"page tables":            {same, func(i *Indicators) { i.PageTablesBytes += tolerance + 1 }, 0, Decision{Count, "VmPTE changed"}},
		"malloc": {same, func(i *Indicators) { i.NMT = report(11 * mib) }, 0,
			Decision{Count, "memory malloced by the JVM changed"}},
		"a mapping grew": {func(i *Indicators) { i.NMT = mapped("GC", mib, 0) }, func(i *Indicators) { i.NMT = mapped("GC", 2*mib, 0) }, 0,
			Decision{Count, "memory mapped by the JVM changed"}},
		"stacks grew": {func(i *Indicators) { i.NMT = mapped("Thread", 0, mib) }, func(i *Indicators) { i.NMT = mapped("Thread", 0, 2*mib) }, 0,
			Decision{Count, "memory mapped by the JVM changed"}},
		"another category": {func(i *Indicators) { i.NMT = mapped("GC", mib, 0) }, func(i *Indicators) { i.NMT = mapped("Code", mib, 0) }, 0,
			Decision{Count, "memory mapped by the JVM changed"}},
		"NMT off":          {func(i *Indicators) { i.NMT = nil }, func(i *Indicators) { i.NMT = nil }, 0, Decision{Count, "NMT is off"}},
		"NMT failed":       {same, func(i *Indicators) { i.NMT = nil }, 0, Decision{Count, "NMT is off"}},
		"no hsperfdata":    {func(i *Indicators) { i.ThreadsStarted = nil }, same, 0, Decision{Count, "the number of started threads is unknown"}},
		"a young JVM":      {same, func(i *Indicators) { *i.AgeSeconds = youngSeconds - 1 }, 0, Decision{Count, "the JVM started less than 30 s ago"}},
		"of unknown age":   {same, func(i *Indicators) { i.AgeSeconds = nil }, 0, Decision{Count, "the JVM started less than 30 s ago"}},
		"reused often":     {same, same, recountEvery - 2, Decision{}},
		"too often":        {same, same, recountEvery - 1, Decision{Count, "the count has been used for 30 samples"}},
		"never counted":    {nil, same, 0, Decision{Count, "the pages were not counted yet"}},
		"young, uncounted": {nil, func(i *Indicators) { i.AgeSeconds = nil }, 0, Decision{Count, "the pages were not counted yet"}},
	} {
		var was *Indicators
		if tt.was != nil {
			was = new(indicators(tt.was))
		}
		if got := (Policy{}).Reuse(was, indicators(tt.now), tt.reused, tolerance); got != tt.want {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Action, got.Reason, tt.want.Action, tt.want.Reason)
		}
	}
}

func TestTolerance(t *testing.T) {
	for resident, want := range map[int64]int64{0: 256 * kib, 100 * mib: 256 * kib, 4000 * mib: 4 * mib} {
		if got := (Policy{}).Tolerance(resident); got != want {
			t.Errorf("%d bytes resident: tolerance %d, want %d", resident, got, want)
		}
	}
}

// machine has the common page size.
var machine = Policy{PageBytes: 4 * kib}

func TestReuseContainer(t *testing.T) {
	for name, tt := range map[string]struct {
		was, now *int64
		want     Decision
	}{
		"the same":        {new(int64(300 * kib)), new(int64(300 * kib)), Decision{}},
		"a little":        {new(int64(300 * kib)), new(int64(44 * kib)), Decision{}},
		"more":            {new(int64(300 * kib)), new(int64(557 * kib)), Decision{Count, "the unattributed memory changed"}},
		"less":            {new(int64(300 * kib)), new(int64(43 * kib)), Decision{Count, "the unattributed memory changed"}},
		"it was not used": {nil, new(int64(0)), Decision{Count, "the unattributed memory is unknown"}},
		"unknown now":     {new(int64(0)), nil, Decision{Count, "the unattributed memory is unknown"}},
	} {
		if got := machine.ReuseContainer(tt.was, tt.now, 256*kib); got != tt.want {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Action, got.Reason, tt.want.Action, tt.want.Reason)
		}
	}
}

// TestLargePages: the kernel charges a container for 64 pages at a time, which have 4 MiB on some
// machines.
func TestLargePages(t *testing.T) {
	for pageKiB, stock := range map[int64]int64{4: 256 * kib, 16: mib, 64: 4 * mib} {
		p := Policy{PageBytes: pageKiB * kib}
		for _, tt := range []struct {
			moved  int64
			reused bool
		}{{0, true}, {stock, true}, {-stock, true}, {stock + 1, false}, {-stock - 1, false}} {
			if got := p.ReuseContainer(new(int64(0)), &tt.moved, 256*kib); (got.Action == Use) != tt.reused {
				t.Errorf("pages of %d KiB, %d bytes: %v (%s)", pageKiB, tt.moved, got.Action, got.Reason)
			}
		}
		if p.Drifted(4*stock) || !p.Drifted(4*stock+1) {
			t.Errorf("pages of %d KiB: drift", pageKiB)
		}
	}
}

// TestGrowth: the JVM is queried as long as memory without a name comes up, and no more
// when a query explains nothing of it.
func TestGrowth(t *testing.T) {
	var u Unknown
	for i, step := range []struct {
		bytes int64
		query bool
	}{
		{3 * mib, false},
		{3*mib + 600*kib, false}, // a little
		{3*mib + 1200*kib, true}, // and a little more
		{3 * mib, false},         // it was explained
		{9 * mib, true},
		{20 * mib, true}, // more came up during the query
		{20 * mib, false},
		{20 * mib, false},
		{5 * mib, false}, // freed
		{7 * mib, true},
		{5*mib + 900*kib, false}, // explained
		{10 * mib, true},
		{9 * mib, true}, // that was explained, and other memory came up meanwhile
		{5*mib + 900*kib, false},
	} {
		var d Decision
		u, d = (Policy{}).Growth(u, step.bytes)
		if query := d.Action == Query; query != step.query || query != (d.Reason != "") {
			t.Errorf("step %d, %d MiB: %v (%s), want query %v", i, step.bytes>>20, d.Action, d.Reason, step.query)
		}
	}
}

func TestAccept(t *testing.T) {
	growth := Decision{Query, "memory without a name grew"}
	for name, tt := range map[string]struct {
		attempt int
		drift   int64
		growth  Decision
		want    Decision
	}{
		"consistent":              {1, mib, Decision{}, Decision{}},
		"drifted":                 {1, mib + 1, Decision{}, Decision{Count, "the container's usage changed during the count"}},
		"drifted downwards":       {2, -mib - 1, Decision{}, Decision{Count, "the container's usage changed during the count"}},
		"memory without a name":   {1, 0, growth, growth},
		"both":                    {2, 9 * mib, growth, growth},
		"the last, drifted":       {3, 9 * mib, Decision{}, Decision{Use, "it is the last of 3 counts"}},
		"the last, without names": {3, 0, growth, Decision{Use, "it is the last of 3 counts"}},
	} {
		if got := machine.Accept(tt.attempt, tt.drift, tt.growth); got != tt.want {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Action, got.Reason, tt.want.Action, tt.want.Reason)
		}
	}
}

func TestRenew(t *testing.T) {
	old, young := new(float64(youngSeconds)), new(float64(youngSeconds-1))
	for _, tt := range []struct {
		queries int
		age     *float64
		want    bool
	}{{1, old, true}, {2, old, true}, {3, old, false}, {5, old, false}, {6, old, true}, {7, old, false}, {12, old, true}, {7, young, true}, {7, nil, true}} {
		if got := (Policy{}).Renew(tt.queries, tt.age); got != tt.want {
			t.Errorf("query %d: %v", tt.queries, got)
		}
	}
}

// TestVMInfo: VM.info is sent again when malloc's own account may have changed.
func TestVMInfo(t *testing.T) {
	const (
		collected   = "a garbage collection may have freed native memory"
		unexplained = "malloc's resident memory changed by more or less than NMT reports"
		aged        = "it has not been sent for 30 samples"
	)
	malloced := func(resident, tracked int64) Malloced { return Malloced{resident, &tracked} }
	for name, tt := range map[string]struct {
		malloc      Malloced // 50 MiB resident and 10 MiB tracked before
		collections *int64   // 7 before
		reason      string
		queries     int  // until it is sent
		again       bool // in the next sample
	}{
		"nothing changes":         {malloced(50*mib+900*kib, 10*mib), new(int64(7)), aged, recountEvery, false},
		"without NMT":             {Malloced{ResidentBytes: 50 * mib}, new(int64(7)), "NMT is off", 2, true},
		"the JVM allocates":       {malloced(950*mib, 910*mib), new(int64(7)), aged, recountEvery, false},
		"of what malloc had":      {malloced(50*mib, 12*mib), new(int64(7)), unexplained, 2, false},
		"direct buffers freed":    {malloced(50*mib, 8*mib), new(int64(7)), unexplained, 2, false},
		"and unmapped":            {malloced(48*mib, 8*mib), new(int64(7)), aged, recountEvery, false},
		"native code allocates":   {malloced(52*mib, 10*mib), new(int64(7)), unexplained, 2, false},
		"native code unmaps":      {malloced(48*mib, 10*mib), new(int64(7)), unexplained, 2, false},
		"a collection":            {malloced(50*mib, 10*mib), new(int64(8)), collected, 2, true},
		"a collection, allocates": {malloced(60*mib, 20*mib), new(int64(8)), collected, 2, true},
		"unknown collections":     {malloced(50*mib, 10*mib), nil, "the number of collections is unknown", 2, true},
	} {
		// The first query after it finds what the count after it found.
		was, d := (Policy{}).VMInfo(Info{Collections: new(int64(7))}, malloced(50*mib, 10*mib), new(int64(7)))
		if d.Action != Use {
			t.Fatalf("%s: at once: %s", name, d.Reason)
		}
		queries := 1
		for d.Action == Use {
			queries++
			was, d = (Policy{}).VMInfo(was, tt.malloc, tt.collections)
		}
		if queries != tt.queries || d != (Decision{Query, tt.reason}) {
			t.Errorf("%s: sent after %d (%s), want %d (%s)", name, queries, d.Reason, tt.queries, tt.reason)
		}
		// It was sent, and nothing changes after that.
		_, d = (Policy{}).VMInfo(Info{Collections: tt.collections, Collected: was.Collected}, tt.malloc, tt.collections)
		if (d.Action == Query) != tt.again {
			t.Errorf("%s: once more: %v (%s)", name, d.Action, d.Reason)
		}
	}
	// Of much memory, a hundredth may change.
	was, _ := (Policy{}).VMInfo(Info{Collections: new(int64(7))}, malloced(500*mib, 10*mib), new(int64(7)))
	for resident, want := range map[int64]Action{505 * mib: Use, 506 * mib: Query} {
		if _, d := (Policy{}).VMInfo(was, malloced(resident, 10*mib), new(int64(7))); d.Action != want {
			t.Errorf("%d bytes: %v (%s), want %v", resident, d.Action, d.Reason, want)
		}
	}
}
