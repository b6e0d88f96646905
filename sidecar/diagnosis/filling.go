package diagnosis

import (
	"iter"
	"math"
	"strings"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// filling is how fast the memory of a container fills: by what leaks, and by each row that grows
// beside it. Rates are per hour; of the trends only these are used.
type filling struct {
	leak trend
	// leakRoom is how much the leak can still take: a heap ends at its maximum.
	leakRoom float64
	rest     []part
	half     float64 // hours
}

// part is how a row grows beside a leak.
type part struct {
	trend
	// keeps is how fast it grows in a time of half hours, compared with the time before: 1 if
	// it goes on, less if it levels off.
	keeps float64
	// room is how much it can still take.
	room float64
}

const (
	// notable is what a row must hold to be judged, of the growth that counts.
	notable = 0.25
	// tiny is the part of the growth below which what is no heap is not known to fill anything.
	tiny = 0.05
)

// fills is the filling by an incident, found so in a window. The leak is the clock: what a request that
// leaks takes elsewhere grows in step with it, a warm-up levels off. Of a start, one row keeps less
// than another, so each is judged by itself.
func (j *judge) fills(i *Incident, found *Finding, w window, g *growth) filling {
	f := filling{leak: g.own, leakRoom: math.Inf(1), half: hours(w.to-w.from) / 2}
	isHeap, more := found.Verdict == rows.VerdictHeap, 0.0
	if isHeap {
		heap := min(max(0, j.rate(history.Row(rows.Heap), w)), g.whole.rate)
		f.leak, f.leakRoom = g.whole.part(heap), j.heapRoom()
	}
	by := j.meter(i, w)
	for _, row := range rows.All() {
		points := j.besideIn(row, i, found)
		if held, known := j.now(history.Row(row.Name)); row.Reclaimable || points == nil || !known || held < notable*j.least() {
			continue
		}
		if p, ok := j.partOf(points, by, w, g); ok {
			if row.Name == rows.Heap {
				p.room = j.heapRoom()
			}
			f.rest = append(f.rest, p)
			more += p.rate
		}
	}
	if isHeap && more <= tiny*g.whole.rate {
		f.rest = nil // nothing but the heap grows, and it will stop
	}
	return f
}

// besideIn yields what a row holds beside an incident; nil: nothing.
func (j *judge) besideIn(row rows.Row, i *Incident, found *Finding) iter.Seq2[int64, history.Point] {
	points := j.c.Points(history.Row(row.Name))
	switch {
	case row.Name == rows.Kernel && i.Verdict == rows.VerdictThreads: // own counts it
		return nil
	case row.Name != rows.RowOf(i.Verdict, i.Subject):
		return points
	case strings.HasPrefix(found.series, history.Detail(row.Name, "")):
		return j.without(points, found.series)
	}
	return nil
}

// partOf is how points grow in a window of a growth, if they do: by which clock. What levels off does so by
// the same factor in each half, each quarter by its root. So of the two the slower one counts: a start
// that is over says nothing of what goes on.
func (j *judge) partOf(points iter.Seq2[int64, history.Point], by *clock, w window, g *growth) (part, bool) {
	in := func(w window) (t trend, ok bool) {
		j.axis = by
		if t, ok = j.newTrend(points, w, bins); !ok {
			t, ok = j.newTrend(points, w, bins/2) // a pause leaves few samples for a part
		}
		j.axis = nil
		return t, ok
	}
	t, ok := in(w)
	if !ok || !t.grows() || t.z < z95 {
		return part{}, false
	}
	p := part{trend: t, keeps: max(0, t.bend), room: math.Inf(1)}
	switch late, known := in(w.half()); {
	case known && late.high >= t.rate:
		p.keeps = 1 // whether it levels off cannot be told from chance
	case known && late.grows() && late.z >= z95:
		p.keeps = max(p.keeps, late.bend*late.bend)
	}
	if p.keeps >= straight {
		p.keeps = 1
	}
	if g.flow == nil { // as the whole is judged
		if t, known := j.newTrend(points, window{g.whole.from, g.whole.to}, bins); known && t.grows() {
			p.trend = t
		}
		return p, true
	}
	rate := t.late()
	if rate <= 0 {
		return part{}, false
	}
	p.atTraffic(rate, g.flow)
	return p, true
}

// heapRoom is how much the heap can still grow; +Inf if that is not known.
func (j *judge) heapRoom() float64 {
	limit, known := j.maxHeap()
	now, ok := j.now(history.Row(rows.Heap))
	if !known || !ok {
		return math.Inf(1)
	}
	return max(0, limit-now)
}

// part is a part of a trend, with its interval.
func (t *trend) part(rate float64) trend {
	if t.rate <= 0 {
		return trend{}
	}
	of := rate / t.rate
	return trend{rate: rate, low: of * t.low, high: of * t.high}
}

// until is when a container has taken so much more. If the rest levels off, the interval goes from
// the case that it goes on as it did to the one that it has ended.
func (f *filling) until(room float64) Forecast {
	if math.IsInf(room, 1) {
		return never()
	}
	of := Forecast{
		Reached:     ContainerLimit,
		Seconds:     f.seconds(room, f.leak.rate, func(p *part) (float64, float64) { return p.rate, p.keeps }),
		LowSeconds:  f.seconds(room, f.leak.high, func(p *part) (float64, float64) { return p.high, math.Ceil(p.keeps) }),
		HighSeconds: f.seconds(room, f.leak.low, func(p *part) (float64, float64) { return p.low, math.Floor(p.keeps) }),
	}
	return of.bounded()
}

// seconds is until for these rates.
func (f *filling) seconds(room, leak float64, of func(*part) (rate, keeps float64)) float64 {
	taken := func(hours float64) float64 {
		sum := min(leak*hours, f.leakRoom)
		for k := range f.rest {
			rate, keeps := of(&f.rest[k])
			sum += min(rate*f.slowed(hours, keeps), f.rest[k].room)
		}
		return sum
	}
	low, high := 0.0, 2*maxSeconds/3600.
	if taken(high) < room {
		return math.Inf(1)
	}
	for range 64 {
		if middle := (low + high) / 2; taken(middle) < room {
			low = middle
		} else {
			high = middle
		}
	}
	return 3600 * high
}

// slowed is how many hours at the rate of late are as much as these, while growth slows down. That
// rate is the mean of the last half hours, so it was right half of them ago.
func (f *filling) slowed(hours, keeps float64) float64 {
	switch keeps {
	case 0:
		return 0
	case 1:
		return hours
	}
	decay := -math.Log(keeps) / f.half
	return math.Sqrt(keeps) * (1 - math.Exp(-decay*hours)) / decay
}
