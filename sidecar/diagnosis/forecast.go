package diagnosis

import (
	"math"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// minShare: a leak with less of the growth is forecast by its own rate. The rest is not
// known to last.
const minShare = 0.5

// forecast returns how fast unreclaimable memory grows, nil if it does not, and when a
// limit is reached: only for a leak that is confirmed and grows now. Everything else may
// end before.
func (j *judge) forecast(incidents []Incident) (*Rate, *Forecast) {
	if len(incidents) > 0 && incidents[0].State == Paused {
		return j.paused(&incidents[0])
	}
	if len(incidents) == 0 || incidents[0].State != Confirmed {
		if t, rising := j.rising(history.Unreclaimable, j.least()); rising {
			return t.perHour(), nil
		}
		return nil, nil
	}
	i := &incidents[0]
	found := i.last()
	w := window{found.window.from, j.at}
	if found.Rate == nil {
		return nil, nil
	}
	unreclaimable, ok := j.trendOf(history.Unreclaimable, w.half())
	if !ok || unreclaimable.z < minZ || unreclaimable.low <= 0 {
		unreclaimable, ok = j.trendOf(history.Unreclaimable, w)
	}
	flow, changes := j.traffic(i, w)
	if changes {
		unreclaimable, ok = j.growthAt(history.Unreclaimable, w, flow)
	}
	var rate *Rate
	container := never()
	if ok && unreclaimable.rate > 0 && unreclaimable.low > 0 {
		rate = unreclaimable.perHour()
		own := found.Rate
		alone := found.Verdict != rows.VerdictHeap && j.alone(i, w)
		if !alone && (found.Verdict == rows.VerdictHeap || float64(own.BytesPerHour) >= minShare*unreclaimable.rate || j.lasts(w)) {
			container = j.beforePeak(i, func(room float64) Forecast { return j.toContainerLimit(&unreclaimable, room) })
		} else if own.LowBytesPerHour > 0 {
			of := trend{rate: float64(own.BytesPerHour), low: float64(own.LowBytesPerHour), high: float64(own.HighBytesPerHour)}
			if flow != nil {
				of.endToEnd(of.rate*j.pace(i, w), flow)
			}
			container = j.beforePeak(i, func(room float64) Forecast { return of.until(ContainerLimit, room) })
		}
	}
	container.MeanTraffic = changes
	if found.Verdict == rows.VerdictHeap {
		if heap := j.toHeapLimit(w, flow); heap.Seconds < container.Seconds {
			return rate, &heap
		}
	}
	if found.Verdict == rows.VerdictDirectBuffers {
		container = j.toDirectLimit(container, found.Rate)
	}
	return rate, container.known()
}

// lasts reports whether all of the growth in the window of a leak is a line, not only the leak's own.
// What else grows is the warm-up of something otherwise, and ends.
func (j *judge) lasts(w window) bool {
	t, ok := j.trendOf(history.Unreclaimable, w)
	return ok && t.rises(j.least()) && t.bend >= straight && t.bend <= steep
}

// paused is the forecast while nothing grows: at the mean rate since the growth began, this pause
// included. A pause as long as the growth was may be its end.
func (j *judge) paused(i *Incident) (*Rate, *Forecast) {
	from := i.Since.UnixMilli()
	grown, all := hours(i.LastGrowth.UnixMilli()-from), hours(j.at-from)
	t, ok := j.trendOf(history.Unreclaimable, window{from, j.at})
	if !ok || grown <= 0 || all-grown > grown {
		return nil, nil
	}
	rate := t.between(0, len(t.floors)-1)
	t.rate, t.low, t.high = rate, rate, rate*all/grown
	container := never()
	if rate > 0 {
		container = j.beforePeak(i, func(room float64) Forecast { return j.toContainerLimit(&t, room) })
	}
	if limit, known := j.maxOld(); known && i.Measure == history.OldUsed && i.Gained > 0 {
		of := trend{rate: i.Gained / all, low: i.Gained / all, high: i.Gained / grown}
		if heap := of.until(HeapLimit, max(0, limit-i.To)+j.waste(limit)); heap.Seconds < container.Seconds {
			container = heap
		}
	}
	container.MeanTraffic = true
	return nil, container.known()
}

// toDirectLimit is the forecast for direct buffers, which end at MaxDirectMemorySize, the maximum of
// the heap if that is not set. Unsafe memory has no bound, so the interval reaches to the other limit.
func (j *judge) toDirectLimit(container Forecast, own *Rate) Forecast {
	limit, ok := j.flag("MaxDirectMemorySize")
	if ok && limit == 0 {
		limit, ok = j.maxHeap()
	}
	now, known := j.now(history.Detail(rows.Native, rows.DirectBuffers))
	if !ok || !known || now > limit || own.LowBytesPerHour <= 0 {
		return container
	}
	of := trend{rate: float64(own.BytesPerHour), low: float64(own.LowBytesPerHour), high: float64(own.HighBytesPerHour)}
	direct := of.until(DirectLimit, limit-now)
	if direct.Seconds >= container.Seconds {
		return container
	}
	direct.MeanTraffic = container.MeanTraffic
	if !math.IsInf(container.Seconds, 1) {
		direct.HighSeconds = max(direct.HighSeconds, container.HighSeconds)
	}
	return direct
}

// known is nil if no limit is reached.
func (f Forecast) known() *Forecast {
	if math.IsInf(f.Seconds, 1) {
		return nil
	}
	return &f
}

// until is when a trend has taken so much more.
func (t *trend) until(limit string, room float64) Forecast {
	return Forecast{Reached: limit, Seconds: 3600 * room / t.rate, LowSeconds: 3600 * room / t.high, HighSeconds: 3600 * room / t.low}.bounded()
}

// never is the forecast where no limit is reached.
func never() Forecast { return Forecast{Reached: ContainerLimit, Seconds: math.Inf(1)} }

// maxSeconds bounds a forecast: no rate lasts for ten years.
const maxSeconds = 10 * 365.25 * 24 * 3600

// toContainerLimit follows what cannot be reclaimed to the limit, which has so much room. The heap's part
// of the growth ends at the heap's maximum.
func (j *judge) toContainerLimit(unreclaimable *trend, room float64) Forecast {
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

// traffic is that of a leak in a window, nil if it does not change.
func (j *judge) traffic(i *Incident, w window) (*traffic, bool) {
	t, ok := j.trendOf(i.Measure, w)
	by := float64(changing)
	if i.Verdict == rows.VerdictHeap {
		t, ok = j.surviving(w)
		by = changingHeap
	}
	if !ok {
		return nil, false
	}
	f, ok := trafficOf(&t)
	if !ok || !f.changes(by) {
		return nil, false
	}
	return &f, true
}

// pace is how fast a leak grew on average since it began, pauses included, compared with the rate of
// its trend.
func (j *judge) pace(i *Incident, w window) float64 {
	t, ok := j.trendOf(i.Measure, w)
	if !ok || t.rate <= 0 {
		return 1
	}
	return i.Gained / hours(j.at-i.Since.UnixMilli()) / t.rate
}

// surviving is the trend of what survives collections, by one rule or the other.
func (j *judge) surviving(w window) (trend, bool) {
	if t, ok := j.survivors(w); ok {
		return t, true
	}
	return j.live(w)
}

// toHeapLimit follows what survives collections to what the old generation may hold.
func (j *judge) toHeapLimit(w window, flow *traffic) Forecast {
	t, ok := j.surviving(w.half())
	if !ok || t.low <= 0 || flow != nil {
		t, ok = j.surviving(w)
	}
	if ok && flow != nil {
		t.endToEnd(flow.mean, flow)
	}
	limit, known := j.maxOld()
	if !ok || !known || t.low <= 0 {
		return never()
	}
	room := max(0, limit-t.floors[len(t.floors)-1].value) + j.waste(limit)
	f := t.until(HeapLimit, room)
	f.MeanTraffic = flow != nil
	return f
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
