package resident

import (
	"fmt"
	"slices"

	"github.com/jvmem/jvmem/jvm/nmt"
)

// Policy decides when pages are counted again, when the JVM is queried again, and when
// VM.info is sent again. It has no state: the caller keeps what one decision needs of
// the last one (Indicators, Unknown, Info), so that a table can test every decision.
//
// One sample of a container with several JVMs:
//
//	before counting   Reuse for each JVM, then ReuseContainer: all Use, or count all
//	after counting    Growth for each JVM, then Accept: Use, Count or Query
type Policy struct {
	// PageBytes is the size of a page of this machine. Only ReuseContainer, Accept and Drifted
	// need it.
	PageBytes int64
}

// Action is what to do next.
type Action uint8

// The actions.
const (
	Use   Action = iota // use the present counts
	Count               // count the pages, again
	Query               // query the JVM again, then count
)

// String returns the action's name.
func (a Action) String() string { return [...]string{"use", "count", "query"}[a] }

// Decision is an Action with its reason; "" for Use.
type Decision struct {
	Action Action
	Reason string
}

// The thresholds. Sizes are in bytes, numbers of samples without a unit.
const (
	// renewEvery: flags, HotSpot's tables, mounts and malloc's headers change rarely.
	// They are read again in every sixth sample, once a minute by default.
	renewEvery = 6
	// youngSeconds: in a JVM younger than this, values that are read rarely may still
	// change: they are read, and pages are counted, in each sample.
	youngSeconds = 30
	// recountEvery: pages are counted, and VM.info is sent, at least in every thirtieth
	// sample. Memory of one kind may shrink by as much as another grows, which no
	// indicator shows.
	recountEvery = 30

	// chargedPages is by how much a container's usage may change without any growth: the kernel
	// charges each CPU as many pages in advance (MEMCG_CHARGE_BATCH).
	chargedPages = 64

	// unmovedBytes is by how much an indicator may differ for a count to be reused. The
	// kernel's counters lag by some 100 KiB.
	unmovedBytes = 256 << 10
	// unmovedDivisor: in large JVMs it is a thousandth of what is resident. Counting
	// takes longer there in the same proportion.
	unmovedDivisor = 1000

	// unknownBytes is the growth of memory that no range covers after which the JVM is
	// queried for new ranges: metaspace's smallest reservations have 2 and 4 MiB.
	unknownBytes = 1 << 20
	// sameBytes is how much such memory may vary between two counts without a new
	// range. The smallest range that a query explains is larger.
	sameBytes = 256 << 10

	// movedBytes is by how much malloc's resident memory may change (MayMove): VM.info is the most
	// expensive command, and a walk through its blocks costs 0.4 ms of CPU time for each MiB.
	// Where there is much, it is a part of it.
	movedBytes, movedDivisor = 1 << 20, 100

	// driftPages is by how much the container's usage may change while pages are
	// counted. A count takes some milliseconds, and the container is not stopped.
	driftPages = 4 * chargedPages
	// maxCounts bounds the counts for one sample.
	maxCounts = 3
)

// Renew reports whether to read values that rarely change again. queries is the number of
// queries, with the current one; ageSeconds is the JVM's, nil if unknown.
func (Policy) Renew(queries int, ageSeconds *float64) bool {
	return queries <= 2 || queries%renewEvery == 0 || young(ageSeconds)
}

func young(ageSeconds *float64) bool { return ageSeconds == nil || *ageSeconds < youngSeconds }

// Indicators are numbers of one JVM that are cheap to read. If none of them changed,
// the resident pages did not change either.
type Indicators struct {
	// By the kernel's counters (proc.Status).
	AnonBytes, FileBytes, ShmemBytes, SwapBytes, PageTablesBytes int64
	// NMT is the report of VM.native_memory; nil: off or unknown.
	NMT *nmt.Report
	// ThreadsStarted since the JVM started; nil: unknown.
	ThreadsStarted *int64
	AgeSeconds     *float64
	// ArenaBytes are resident in malloc's arenas, of AnonBytes; nil: they were not counted now.
	ArenaBytes *int64
}

// Tolerance returns by how many bytes an indicator may differ for a count to be reused.
// residentBytes is the anonymous and shared memory of all JVMs of the container.
func (Policy) Tolerance(residentBytes int64) int64 {
	return max(unmovedBytes, residentBytes/unmovedDivisor)
}

// Reuse decides whether the last count of a JVM's pages can be used: Use or Count. was
// are the indicators at that count, nil without a usable one; reused is how often it
// was reused already. Without NMT nothing shows how much moves from one kind of memory
// to another, so the count is never reused. Malloc's arenas may have changed where they were
// counted both times.
func (Policy) Reuse(was *Indicators, now Indicators, reused int, tolerance int64) Decision {
	switch {
	case was == nil:
		return Decision{Count, "the pages were not counted yet"}
	case was.ThreadsStarted == nil:
		return Decision{Count, "the number of started threads is unknown"}
	case was.NMT == nil || now.NMT == nil:
		return Decision{Count, "NMT is off"}
	case young(now.AgeSeconds):
		return Decision{Count, "the JVM started less than 30 s ago"}
	}
	arenas, malloced := int64(0), now.NMT.MallocedBytes()
	if was.ArenaBytes != nil && now.ArenaBytes != nil {
		arenas, malloced = *now.ArenaBytes-*was.ArenaBytes, was.NMT.MallocedBytes()
	}
	for _, i := range []struct {
		name     string
		was, now int64
	}{
		{"RssAnon", was.AnonBytes, now.AnonBytes - arenas}, {"RssFile", was.FileBytes, now.FileBytes}, {"RssShmem", was.ShmemBytes, now.ShmemBytes},
		{"VmSwap", was.SwapBytes, now.SwapBytes}, {"VmPTE", was.PageTablesBytes, now.PageTablesBytes},
		{"memory malloced by the JVM", was.NMT.MallocedBytes(), malloced},
	} {
		if distance(i.was, i.now) > tolerance {
			return Decision{Count, i.name + " changed"}
		}
	}
	switch {
	case !sameCommitted(was.NMT, now.NMT, tolerance):
		return Decision{Count, "memory mapped by the JVM changed"}
	case reused+1 >= recountEvery:
		return Decision{Count, fmt.Sprintf("the count has been used for %d samples", recountEvery)}
	}
	return Decision{}
}

// sameCommitted reports whether HotSpot has as much mapped for each purpose as before.
func sameCommitted(was, now *nmt.Report, tolerance int64) bool {
	return slices.EqualFunc(was.Categories, now.Categories, func(a, b nmt.Category) bool {
		return a.Name == b.Name && distance(a.MmapCommittedBytes, b.MmapCommittedBytes) <= tolerance &&
			distance(a.StackCommittedBytes, b.StackCommittedBytes) <= tolerance
	})
}

// ReuseContainer decides whether the counts of all JVMs of a container still explain
// what the kernel charges now: Use or Count. was and now are what no row explains; nil:
// unknown.
func (p Policy) ReuseContainer(was, now *int64, tolerance int64) Decision {
	if was == nil || now == nil {
		return Decision{Count, "the unattributed memory is unknown"}
	}
	if distance(*was, *now) > max(tolerance, chargedPages*p.PageBytes) {
		return Decision{Count, "the unattributed memory changed"}
	}
	return Decision{}
}

// Unknown describes the anonymous memory of one JVM that no range covers. The zero value
// is that of a JVM that was not counted yet.
type Unknown struct {
	explained int64 // no query explains more
	last      int64 // of the last count
	queried   bool  // because of the last count
	counted   bool
}

// Growth decides after a count whether the JVM has mapped something new that only a
// query can explain: Use or Query. Memory that a query did not explain remains unknown.
func (Policy) Growth(was Unknown, bytes int64) (Unknown, Decision) {
	settled := was.queried && distance(bytes, was.last) <= sameBytes
	now := Unknown{explained: was.explained, last: bytes, counted: true}
	if !was.counted || bytes < was.explained || settled {
		now.explained = bytes
	}
	if bytes > now.explained+unknownBytes {
		now.queried = true
		return now, Decision{Query, "memory without a name grew"}
	}
	return now, Decision{}
}

// Accept decides what follows a count of all JVMs of a container. attempt is 1 for the
// first of a sample, drift is by how many bytes the container's usage changed
// meanwhile, growth is the strongest Decision of Growth.
func (p Policy) Accept(attempt int, drift int64, growth Decision) Decision {
	switch {
	case attempt >= maxCounts:
		return Decision{Use, fmt.Sprintf("it is the last of %d counts", maxCounts)}
	case growth.Action == Query:
		return growth
	case p.Drifted(drift):
		return Decision{Count, "the container's usage changed during the count"}
	}
	return Decision{}
}

// Drifted reports whether usage changed so much during a count that its rows are of
// different moments.
func (p Policy) Drifted(drift int64) bool { return distance(drift, 0) > driftPages*p.PageBytes }

// Info holds what other sources reported about malloc when VM.info was last sent.
type Info struct {
	Queries int // since then
	// Malloc is that of the first count after it.
	Malloc Malloced
	// Collections since the JVM started; nil: unknown.
	Collections *int64
	// Collected: VM.info is sent once more, as the Cleaner frees memory some time after a
	// collection.
	Collected bool
}

// Malloced is malloc's memory at one time.
type Malloced struct {
	ResidentBytes int64
	TrackedBytes  *int64 // by NMT; nil: it is off or unknown
}

// VMInfo decides whether malloc's own account may have changed, so that VM.info is sent
// again: Query or Use. It did not if malloc's resident memory, by the last count, changed as
// NMT says, and no collection came. Memory that native code frees without unmapping it
// shows in neither: the number of samples bounds its age. Without NMT nothing reports freed
// memory that is retained: VM.info is sent each time.
func (Policy) VMInfo(was Info, malloc Malloced, collections *int64) (Info, Decision) {
	now := was
	if now.Queries++; now.Queries == 1 { // the count that belongs to the last VM.info came after it
		now.Malloc = malloc
	}
	then, collected := now.Malloc, ""
	switch {
	case collections == nil || was.Collections == nil:
		collected = "the number of collections is unknown"
	case *collections != *was.Collections:
		collected = "a garbage collection may have freed native memory"
	}
	now.Collected = collected != ""
	switch {
	case malloc.TrackedBytes == nil || then.TrackedBytes == nil:
		return now, Decision{Query, "NMT is off"}
	case now.Collected:
		return now, Decision{Query, collected}
	case was.Collected:
		return now, Decision{Query, "there was a garbage collection before the last sample"}
	case !then.Explains(malloc):
		return now, Decision{Query, "malloc's resident memory changed by more or less than NMT reports"}
	case now.Queries >= recountEvery:
		return now, Decision{Query, fmt.Sprintf("it has not been sent for %d samples", recountEvery)}
	}
	return now, Decision{}
}

// Explains reports whether NMT tells all of what changed since then: not if it is off or unknown.
func (then Malloced) Explains(now Malloced) bool {
	return then.TrackedBytes != nil && now.TrackedBytes != nil &&
		distance(now.ResidentBytes-then.ResidentBytes, *now.TrackedBytes-*then.TrackedBytes) <= MayMove(then.ResidentBytes)
}

// MayMove returns by how many bytes malloc's resident memory, so large then, may change without
// explanation before it is divided anew, by VM.info or by a walk through its blocks.
func MayMove(residentBytes int64) int64 { return max(movedBytes, residentBytes/movedDivisor) }

func distance(a, b int64) int64 { return max(a-b, b-a) }
