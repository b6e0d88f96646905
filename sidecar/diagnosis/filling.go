package diagnosis

import (
	"math"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// filling is how fast the memory of a container fills: by what leaks, and by the rest. Rates are
// per hour; of the trends only these are used.
type filling struct {
	leak, rest trend
	// leakRoom is how much the leak can still take: a heap ends at its maximum.
	leakRoom float64
	// heapShare is the heap's part of the rest, which can still take heapRoom.
	heapShare, heapRoom float64
	// keeps is how fast the rest grows in a time of half hours, compared with the time before: 1 if
	// it goes on, less if it levels off.
	keeps, half float64
}

// tiny is the part of the growth below which the rest is not known to fill anything.
const tiny = 0.05

// heapAndRest is the filling by a heap, and by all else that grows in the window of a trend of
// unreclaimable memory.
func (j *judge) heapAndRest(whole *trend) filling {
	f := filling{leakRoom: j.heapRoom(), keeps: 1}
	heap := min(max(0, j.rate(history.Row(rows.Heap), window{whole.from, whole.to})), whole.rate)
	f.leak, f.rest = whole.part(heap), whole.part(whole.rate-heap)
	if heap > 0 && f.rest.rate <= tiny*whole.rate {
		f.rest = trend{} // nothing but the heap grows, and it will stop
	}
	return f
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
	goesOn, ends := math.Ceil(f.keeps), math.Floor(f.keeps)
	of := Forecast{
		Reached:     ContainerLimit,
		Seconds:     f.seconds(room, f.leak.rate, f.rest.rate, f.keeps),
		LowSeconds:  f.seconds(room, f.leak.high, f.rest.high, goesOn),
		HighSeconds: f.seconds(room, f.leak.low, f.rest.low, ends),
	}
	return of.bounded()
}

// seconds is until for these rates.
func (f *filling) seconds(room, leak, rest, keeps float64) float64 {
	taken := func(hours float64) float64 {
		more := rest * f.slowed(hours, keeps)
		return min(leak*hours, f.leakRoom) + more*(1-f.heapShare) + min(more*f.heapShare, f.heapRoom)
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
