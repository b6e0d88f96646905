package diagnosis

import (
	"math"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// forecast returns how memory grows, and when a limit is reached: only for a leak that is confirmed
// and grows now, or pauses. Everything else may end before.
func (j *judge) forecast(incidents []Incident) (outlook, *Forecast) {
	if len(incidents) > 0 && incidents[0].State == Paused {
		return outlook{}, j.paused(&incidents[0])
	}
	if len(incidents) == 0 || incidents[0].State != Confirmed {
		if t, rising := j.rising(history.Unreclaimable, j.least()); rising {
			return outlook{whole: t.perHour()}, nil
		}
		return outlook{}, nil
	}
	return j.expected(&incidents[0])
}

// expected is how memory grows with an incident that grows now, and when a limit is reached.
func (j *judge) expected(i *Incident) (outlook, *Forecast) {
	found := i.last()
	if found.Rate == nil {
		return outlook{}, nil
	}
	g := j.growthOf(i, &found)
	f := g.foresee(func(g *growth) Forecast {
		f := j.beforePeak(i, g.filling.until)
		switch found.Verdict {
		case rows.VerdictHeap:
			return f.earlier(j.toHeapLimit(&g.own))
		case rows.VerdictDirectBuffers:
			return j.toDirectLimit(f, &g.own)
		}
		return f
	})
	return g.outlook(), f.known()
}

// paused is the forecast while nothing grows, this pause included in the traffic. A pause as long as the
// growth was may be its end.
func (j *judge) paused(i *Incident) *Forecast {
	since, last := i.Since.UnixMilli(), i.LastGrowth.UnixMilli()
	if j.at-last > last-since {
		return nil
	}
	_, f := j.expected(i)
	return f
}

// toDirectLimit is the forecast for direct buffers, which end at MaxDirectMemorySize, the maximum of
// the heap if that is not set. Unsafe memory has no bound, so the interval reaches to the other limit.
func (j *judge) toDirectLimit(container Forecast, own *trend) Forecast {
	limit, ok := j.flag("MaxDirectMemorySize")
	if ok && limit == 0 {
		limit, ok = j.maxHeap()
	}
	now, known := j.now(history.Detail(rows.Native, rows.DirectBuffers))
	if !ok || !known || now > limit || !own.grows() {
		return container
	}
	direct := own.until(DirectLimit, limit-now)
	if direct.Seconds >= container.Seconds {
		return container
	}
	if !math.IsInf(container.Seconds, 1) {
		direct.HighSeconds = max(direct.HighSeconds, container.HighSeconds)
	}
	return direct
}

// earlier returns the one of two forecasts that comes first.
func (f Forecast) earlier(other Forecast) Forecast {
	if other.Seconds < f.Seconds {
		return other
	}
	return f
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

// traffic is that of a leak in a window, nil if it does not change.
func (j *judge) traffic(i *Incident, w window) (*traffic, bool) {
	var t trend
	var ok bool
	by := float64(changing)
	if i.Verdict == rows.VerdictHeap {
		t, ok = j.surviving(i, w)
		by = changingHeap
	} else if t, ok = j.trendOf(i.Measure, w); !ok {
		t, ok = j.trendOfParts(i.Measure, w, bins/2) // a pause leaves few samples for a part
	}
	if !ok {
		return nil, false
	}
	f, ok := trafficOf(&t, float64(w.from-j.started) <= startOfGain*float64(j.at-j.started))
	if !ok || !f.changes(by) {
		return nil, false
	}
	return &f, true
}

// surviving is the trend of what survives collections, by one rule or the other; where too few have shown
// that, of what may survive.
func (j *judge) surviving(i *Incident, w window) (trend, bool) {
	if !i.Uncollected {
		if t, ok := j.survivors(w); ok {
			return t, true
		}
		if t, ok := j.live(w); ok {
			return t, true
		}
	}
	return j.mayBeLive(w)
}

// toHeapLimit follows what survives collections to what the old generation may hold.
func (j *judge) toHeapLimit(own *trend) Forecast {
	limit, known := j.maxOld()
	if !known || !own.grows() {
		return never()
	}
	room := limit - j.liveNow(own)
	if room <= noRoom*limit {
		return own.until(HeapLimit, 0)
	}
	return own.until(HeapLimit, room+j.waste(limit))
}

// noRoom is the part of the old generation that is too little to say when it will be full: the next
// allocation that does not fit may be large, and small ones fit for hours.
const noRoom = 0.01

// liveNow is what survives by now: what the last collection left, and what came up since then at the rate of the
// trend, but no more than is in use.
func (j *judge) liveNow(own *trend) float64 {
	last := own.floors[len(own.floors)-1]
	live := last.value + own.rate*(hours(j.at-own.from)-last.time)
	if used, ok := j.now(history.OldUsed); ok {
		live = min(live, used)
	}
	return max(live, last.value)
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
