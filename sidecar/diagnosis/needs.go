package diagnosis

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Life is what a JVM did since its start, as far as the history has it.
type Life struct{ j *judge }

// LifeOf returns that of the JVM, or the JVMs, that run in a container now.
func LifeOf(c *history.Container) *Life { return &Life{newJudge(c)} }

// Needs is what the memory of a container needed at most since its JVM started. The budget
// and the sizing use it.
type Needs struct {
	// Parts is everything but the heap, at the moment when it was most, which is RestBytes.
	Parts     []BudgetPart
	RestBytes int64
	// heap and committed are the most of the heap: resident, and as the JVM reports it.
	heap, committed float64
}

// Needs returns nil if the heap, or what cannot be reclaimed, was never known.
func (l *Life) Needs() *Needs { return l.j.needs() }

func (j *judge) needs() *Needs {
	n := &Needs{RestBytes: -1}
	type point struct{ at, heap int64 }
	var heaps []point // the light readings have none
	for at, p := range j.lifetime(history.Row(rows.Heap)) {
		heaps = append(heaps, point{at, p.Last})
		n.heap = max(n.heap, float64(p.Max))
	}
	when, rest := int64(0), int64(0)
	for at, p := range j.lifetime(history.Unreclaimable) {
		for len(heaps) > 0 && heaps[0].at < at {
			heaps = heaps[1:]
		}
		if len(heaps) > 0 && heaps[0].at == at && p.Last-heaps[0].heap > n.RestBytes {
			when, rest = at, p.Last-heaps[0].heap
			n.RestBytes = max(0, rest)
		}
	}
	if n.RestBytes < 0 {
		return nil
	}
	for _, p := range j.lifetime(history.Committed(rows.Heap)) {
		n.committed = max(n.committed, float64(p.Max))
	}
	for _, row := range rows.All() {
		if bytes := j.exactly(history.Row(row.Name), when); row.Sized && row.Name != rows.Heap && bytes > 0 {
			n.Parts = append(n.Parts, BudgetPart{string(row.Name), bytes})
			rest -= bytes
		}
	}
	if rest > 0 {
		n.Parts = append(n.Parts, BudgetPart{"other", rest})
	}
	return n
}

// exactly is what a series was at the time of one of its points; 0: it was not known then.
func (j *judge) exactly(series string, at int64) int64 {
	for _, t := range slices.Backward(j.c.Tracks) {
		i, there := slices.BinarySearch(t.Times, at)
		if p := t.Series[series].At(i); there && p.Last != history.Unknown {
			return p.Last
		}
	}
	return 0
}

// At returns what is needed with a maximum heap: the heap itself, and everything else.
func (n *Needs) At(maxHeap int64) (parts []BudgetPart, sum int64) {
	parts = append(parts, BudgetPart{string(rows.Heap), maxHeap})
	for _, p := range n.Parts {
		if p.Name == string(rows.GC) && n.committed > 0 {
			// The collector's structures grow with the heap.
			grows := max(1, min(float64(maxHeap)/n.committed, float64(maxHeap)/max(n.heap, 1)))
			p.Bytes = int64(grows * float64(p.Bytes))
		}
		parts = append(parts, p)
	}
	for _, p := range parts {
		sum += p.Bytes
	}
	return parts, sum
}

const (
	// usable is the part of a limit that is planned for, and leastHeadroom what it leaves at
	// least: samples miss short peaks.
	usable, leastHeadroom = 0.9, 8 << 20
	// limitStep is what limits are rounded up to.
	limitStep = 4 << 20
)

// LimitFor is the limit for what is needed.
func LimitFor(needed int64) int64 {
	limit := max(int64(float64(needed)/usable), needed+leastHeadroom)
	return (limit + limitStep - 1) / limitStep * limitStep
}

// Usable is what may be needed within a limit.
func Usable(limit int64) int64 {
	return max(0, min(int64(usable*float64(limit)), limit-leastHeadroom))
}

// Flag is the sum of a flag of all JVMs; not ok: one of them does not tell it, or has no
// maximum.
func (l *Life) Flag(name string) (value int64, ok bool) {
	sum, ok := l.j.flag(name)
	return int64(sum), ok
}

// Time is from the first to the last sample of the JVM.
func (l *Life) Time() time.Duration { return time.Duration(l.j.at-l.j.started) * time.Millisecond }

// Peak is the most of a series; nil: never known.
func (l *Life) Peak(series string) (most *int64) {
	for _, p := range l.j.lifetime(series) {
		if most == nil || p.Max > *most {
			most = new(p.Max)
		}
	}
	return most
}

// Rising is how much more of a series is to come. 0: it does not rise, or is not known.
func (l *Life) Rising(series string) int64 {
	var r rise
	for at, p := range l.j.lifetime(series) {
		r.add(l.j, at, float64(p.Max))
	}
	return r.left()
}

// rise is how the most of something grew over the two halves of a time.
type rise struct {
	known              bool
	first, half, whole float64
}

func (r *rise) add(j *judge, at int64, value float64) {
	if !r.known {
		r.known, r.first, r.half, r.whole = true, value, value, value
	}
	r.whole = max(r.whole, value)
	if at <= j.started+(j.at-j.started)/2 {
		r.half = r.whole
	}
}

// left is what is to come, if each half brings the same part of what the one before it brought;
// no more than the second half brought.
func (r *rise) left() int64 {
	earlier, later := r.half-r.first, r.whole-r.half
	if later < leastRise || later < risingShare*r.whole {
		return 0
	}
	if earlier > later {
		later = min(later, later*later/(earlier-later))
	}
	return int64(later)
}

// A series rises if the second half of the time brought risingShare of it and leastRise more.
const risingShare, leastRise = 0.02, 1 << 20

// lifetime yields the points of a series since the JVM started.
func (j *judge) lifetime(series string) iter.Seq2[int64, history.Point] {
	return func(yield func(int64, history.Point) bool) {
		for at, p := range j.c.PointsSince(series, j.started) {
			if at == j.started { // the step may hold points of an earlier JVM
				p.Min, p.Max = p.Last, p.Last
			}
			if at > j.at || !yield(at, p) {
				return
			}
		}
	}
}

// minute is the time over which what survived, and the load, are looked at.
const minute = 60 * 1000

// Survived is what was left in the heap after its collections, at most, how much more is to
// come, and how many of these were of the old generation. Of those the least in the minute
// after counts, as some collectors free what they found later. Without any, it is what
// collections of the young generation left, garbage too. With ZGC and Shenandoah what was in use of
// the heap after it fell counts: they may collect once in minutes, and where they have a young
// generation, much that survives stays in it. Nil: no collection was seen.
func (l *Life) Survived() (most *int64, rising int64, old int) {
	times := l.j.collectionTimes(window{l.j.started, l.j.at})
	var left []survival
	if len(times) == 0 || l.j.concurrent() {
		left = l.leftByFalls()
	} else {
		left = l.leftByOld(times)
	}
	var r rise
	for _, s := range left {
		r.add(l.j, s.at, s.after)
	}
	if !r.known {
		return nil, 0, len(times)
	}
	return new(int64(r.whole)), r.left(), len(times)
}

// leftByOld is the least in each minute with a collection, or after one.
func (l *Life) leftByOld(times []int64) (all []survival) {
	collected := make(map[int64]bool)
	for _, at := range times {
		collected[at/minute], collected[at/minute+1] = true, true
	}
	for at, p := range l.j.lifetime(history.OldUsed) {
		n := len(all)
		switch {
		case !collected[at/minute]:
		case n > 0 && all[n-1].at/minute == at/minute:
			all[n-1].after = min(all[n-1].after, float64(p.Min))
		default:
			all = append(all, survival{at: at, after: float64(p.Min)})
		}
	}
	return all
}

// fallsTogether is how many falls of the heap's use show what is left: a sample comes some time
// after each one, when there is new garbage.
const fallsTogether = 3

// leftByFalls is the least that was in use of the heap after each few falls of it.
func (l *Life) leftByFalls() (all []survival) {
	limit, _ := l.j.maxHeap()
	falls, last := 0, int64(0)
	least := math.Inf(1)
	for at, p := range l.j.lifetime(history.Used(rows.Heap)) {
		if float64(last-p.Min) > dropShare*limit {
			falls, least = falls+1, min(least, float64(p.Min))
			if falls%fallsTogether == 0 {
				all, least = append(all, survival{at: at, after: least}), math.Inf(1)
			}
		}
		last = p.Last
	}
	if len(all) == 0 && falls > 0 {
		all = append(all, survival{at: l.j.at, after: least})
	}
	return all
}

// Collecting is the part of the time that pauses for collections took in the busiest minute, by
// the Load: so much less the JVM could do. It is not compared with the CPU time, as pauses are longer where
// the machine has no CPU to spare. Not ok: unknown.
func (l *Life) Collecting(mean, busiest float64) (share float64, ok bool) {
	spent, seconds, known := l.j.gained(history.GCMillis, l.j.started)
	if !known || seconds <= 0 || mean <= 0 {
		return 0, false
	}
	return min(spent/1000/seconds/float64(max(len(l.j.c.JVMs), 1))*busiest/mean, 1), true
}

// CollectingCPU is the part of the JVM's CPU time that the threads of its collector took, but for the
// first minute, in which it started; not ok: unknown (see jvm.Facts.CollectionCPUSeconds).
func (l *Life) CollectingCPU() (share float64, ok bool) {
	spent, _, known := l.j.gained(history.GCCPUMillis, l.j.started+minute)
	work, _, ok := l.j.gained(history.CPUMillis, l.j.started+minute)
	if !known || !ok || work <= 0 {
		return 0, false
	}
	return min(spent/work, 1), true
}

// Load is how many cores the JVM used, on average and in the busiest minute but the first one,
// in which it started; not ok: unknown.
func (l *Life) Load() (mean, busiest float64, ok bool) {
	work, known := l.j.work(l.j.started, l.j.at)
	if !known || l.j.at <= l.j.started {
		return 0, 0, false
	}
	mean = work / float64(l.j.at-l.j.started)
	for from := l.j.started + minute; from+minute <= l.j.at; from += minute {
		work, _ := l.j.work(from, from+minute)
		busiest = max(busiest, work/minute)
	}
	return mean, max(mean, busiest), true
}
