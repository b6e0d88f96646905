package diagnosis

import (
	"math"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// minIdle is how long growth may rest before the forecast ends: half as long again as the
// longest pause so far, and so long at least.
const minIdle = time.Minute

// minShare: a leak with less of the growth is forecast by its own rate. The rest is not
// known to last.
const minShare = 0.5

// forecast returns how fast unreclaimable memory grows, nil if it does not, and when a
// limit is reached: only for a leak that is confirmed and grows now. Everything else may
// end before.
func (j *judge) forecast(incidents []Incident) (*Rate, *Forecast) {
	if len(j.windows) == 0 {
		return nil, nil
	}
	if len(incidents) == 0 || incidents[0].State != Confirmed {
		if t, rising := j.rising(history.Unreclaimable, j.least()); rising {
			return t.perHour(), nil
		}
		return nil, nil
	}
	if incidents[0].idle(j.at) > max(minIdle, incidents[0].longestPause()*3/2) {
		return nil, nil // it may go on, but when is not known
	}
	found := incidents[0].last()
	w := window{found.window.from, j.at}
	if found.Rate == nil {
		return nil, nil
	}
	unreclaimable, ok := j.trendOf(history.Unreclaimable, w.half())
	if !ok || unreclaimable.z < minZ || unreclaimable.low <= 0 {
		unreclaimable, ok = j.trendOf(history.Unreclaimable, w)
	}
	var rate *Rate
	container := never()
	if ok && unreclaimable.rate > 0 && unreclaimable.low > 0 {
		rate = unreclaimable.perHour()
		if own := found.Rate; found.Verdict == rows.VerdictHeap || float64(own.BytesPerHour) >= minShare*unreclaimable.rate {
			container = j.toContainerLimit(&unreclaimable)
		} else if own.LowBytesPerHour > 0 {
			room := j.room()
			container = Forecast{
				Reached: ContainerLimit, Seconds: 3600 * room / float64(own.BytesPerHour),
				LowSeconds: 3600 * room / float64(own.HighBytesPerHour), HighSeconds: 3600 * room / float64(own.LowBytesPerHour),
			}.bounded()
		}
	}
	if found.Verdict == rows.VerdictHeap {
		if heap := j.toHeapLimit(w); heap.Seconds < container.Seconds {
			return rate, &heap
		}
	}
	if math.IsInf(container.Seconds, 1) {
		return rate, nil
	}
	return rate, &container
}

// never is the forecast where no limit is reached.
func never() Forecast { return Forecast{Reached: ContainerLimit, Seconds: math.Inf(1)} }

// maxSeconds bounds a forecast: no rate lasts for ten years.
const maxSeconds = 10 * 365.25 * 24 * 3600

// toContainerLimit follows what cannot be reclaimed to the limit. The heap's part
// of the growth ends at the heap's maximum.
func (j *judge) toContainerLimit(unreclaimable *trend) Forecast {
	room := j.room()
	if math.IsInf(room, 1) {
		return never()
	}
	w := window{unreclaimable.from, unreclaimable.to}
	heap := min(max(0, j.rate(history.Row(rows.Heap), w)), unreclaimable.rate)
	heapRoom := math.Inf(1)
	if limit, ok := j.maxHeap(); ok {
		if now, ok := j.now(history.Row(rows.Heap)); ok {
			heapRoom = max(0, limit-now)
		}
	}
	at := func(rate float64) float64 {
		heap := heap * rate / unreclaimable.rate
		if t := room / rate; heap == 0 || t*heap <= heapRoom {
			return t
		}
		rest := rate - heap
		if rest <= 0.05*rate { // nothing but the heap grows, and it will stop
			return math.Inf(1)
		}
		return (room - heapRoom) / rest
	}
	f := Forecast{Reached: ContainerLimit, Seconds: 3600 * at(unreclaimable.rate), LowSeconds: 3600 * at(unreclaimable.high), HighSeconds: 3600 * at(unreclaimable.low)}
	return f.bounded()
}

// toHeapLimit follows what survives collections to what the old generation may hold.
func (j *judge) toHeapLimit(w window) Forecast {
	t, ok := j.survivors(w.half())
	if !ok || t.low <= 0 {
		t, ok = j.survivors(w)
	}
	limit, known := j.maxOld()
	if !ok || !known || t.low <= 0 {
		return never()
	}
	room := max(0, limit-t.floors[len(t.floors)-1].value) + j.waste(limit)
	f := Forecast{Reached: HeapLimit, Seconds: 3600 * room / t.rate, LowSeconds: 3600 * room / t.high, HighSeconds: 3600 * room / t.low}
	return f.bounded()
}

// g1Waste is how much garbage G1 leaves in the old generation, of the heap, before it
// is short of room: G1HeapWastePercent, 5 by default (gc/g1/g1_globals.hpp).
const g1Waste = 0.05

// waste is the garbage that a collector can still free when the heap is full.
func (j *judge) waste(limit float64) float64 {
	for i := range j.c.JVMs {
		if j.c.JVMs[i].GC != "G1" {
			return 0
		}
	}
	return g1Waste * limit
}

func (f Forecast) bounded() Forecast {
	if f.Seconds > maxSeconds {
		return never()
	}
	f.HighSeconds = min(f.HighSeconds, maxSeconds)
	return f
}
