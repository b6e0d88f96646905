package diagnosis

import (
	"cmp"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// growth is how fast a leak and all unreclaimable memory grow, both at one traffic: where it changed,
// its mean, else that of the second half of the time since the leak began, or of all of it if that
// half is too short.
type growth struct {
	// own is the leak's; of a heap, of what survives collections.
	own, whole trend
	flow       *traffic // nil: it did not change
	filling    filling
}

// outlook is what is told of a growth: one rate of the leak and one of all unreclaimable memory, nil
// if they do not grow.
type outlook struct{ own, whole *Rate }

// growthOf returns that of an incident, by what found it last.
func (j *judge) growthOf(i *Incident, found *Finding) growth {
	all := window{max(i.Since.UnixMilli(), j.started), j.at}
	w := all
	heap := found.Verdict == rows.VerdictHeap
	var g growth
	if flow, changes := j.traffic(i, w); changes {
		g.flow = flow
		w.from += int64(3.6e6 * flow.floors[0].time)
		at := j.atMean(i, w, flow)
		g.whole, g.own = known(at(history.Unreclaimable)), j.own(found, at)
	} else {
		for _, w := range []window{w.half(), w} {
			in := func(series string) (trend, bool) { return j.trendOf(series, w) }
			g.whole, g.own = known(in(history.Unreclaimable)), j.own(found, in)
			if g.whole.shows() && (heap || g.own.shows()) {
				break
			}
		}
	}
	if !g.whole.grows() {
		g.whole = trend{}
	}
	switch r := found.Rate; {
	case heap:
		g.own = j.survivorsAt(i, all, g.flow)
		w = window{g.whole.from, g.whole.to}
	case !g.own.grows():
		g.own = trend{rate: float64(r.BytesPerHour), low: float64(r.LowBytesPerHour), high: float64(r.HighBytesPerHour)}
	}
	g.filling = j.fills(i, found, w, &g)
	return g
}

// atMean returns what gives the trend of a series that grows with a leak, at the mean traffic of a window.
// The leak is the clock: of the growth of the series, that beside the second half of the leak's counts,
// as what does not come with the leak may have ended by then.
func (j *judge) atMean(i *Incident, w window, f *traffic) func(series string) (trend, bool) {
	meter := j.meter(i, w)
	return func(series string) (trend, bool) {
		if measureOf(series) == i.Measure {
			t := trend{from: w.from, to: w.to}
			t.atTraffic(f.mean, f)
			return t, true
		}
		j.axis = meter
		t, ok := j.trendOfParts(series, w, bins/2)
		j.axis = nil
		if !ok {
			if t, ok = j.trendOf(series, w); !ok {
				return t, false
			}
		}
		rate := t.late()
		if rate <= 0 {
			rate = t.between(0, len(t.floors)-1)
		}
		t.atTraffic(rate, f)
		return t, rate > 0
	}
}

// known is a trend, or none.
func known(t trend, ok bool) trend {
	if !ok {
		return trend{}
	}
	return t
}

// grows reports whether all of the interval of a trend is growth.
func (t *trend) grows() bool { return t.rate > 0 && t.low > 0 }

// shows reports whether this is not by chance.
func (t *trend) shows() bool { return t.grows() && t.z >= minZ }

// own is the growth of the bytes of a finding, by that of its series.
func (j *judge) own(f *Finding, in func(series string) (trend, bool)) trend {
	if f.Verdict == rows.VerdictThreads {
		t := known(in(history.Row(rows.Threads)))
		if kernel := known(in(history.Row(rows.Kernel))); kernel.rate > 0 {
			t.rate, t.low, t.high = t.rate+kernel.rate, t.low+max(0, kernel.low), t.high+kernel.high
		}
		return t
	}
	series := cmp.Or(f.series, history.Row(rows.RowOf(f.Verdict, f.Subject)))
	t := known(in(series))
	if row := known(in(measureOf(series))); row.rate < t.rate {
		return row // what is malloced need not be resident
	}
	return t
}

// survivorsAt is the growth of what survives collections.
func (j *judge) survivorsAt(i *Incident, w window, flow *traffic) trend {
	if flow == nil {
		if t, ok := j.surviving(i, w.half()); ok && t.low > 0 {
			return t
		}
	}
	t := known(j.surviving(i, w))
	if flow != nil && t.rate > 0 {
		t.atTraffic(flow.mean, flow)
	}
	return t
}

// meter is a clock that the measure of an incident drives, scaled to its window: by what of it is still
// there later, as a leak is.
func (j *judge) meter(i *Incident, w window) *clock {
	const parts = 1000 // of a thread: it counts whole ones
	c := &clock{}
	for time, p := range j.c.PointsSince(i.Measure, w.from) {
		if time > j.at {
			break
		}
		c.times, c.work = append(c.times, time), append(c.work, parts*p.Min)
	}
	if len(c.times) == 0 {
		return nil
	}
	for k := len(c.work) - 2; k >= 0; k-- {
		c.work[k] = min(c.work[k], c.work[k+1])
	}
	return c.scaled()
}

// foresee makes a forecast at the traffic of the growth. Where that changed, what comes is assumed to be
// as what was in as long a time: the traffic of the next hour is that of the last hour.
func (g *growth) foresee(at func(*growth) Forecast) Forecast {
	f := at(g)
	if g.flow == nil {
		return f
	}
	mean, span := g.flow.lately(g.flow.mean * f.Seconds / 3600)
	if mean != g.flow.mean {
		g.scale(mean)
		f = at(g)
	}
	f.MeanTraffic, f.TrafficSeconds = true, 3600*span
	return f
}

// scale changes the traffic.
func (g *growth) scale(mean float64) {
	flow := *g.flow
	flow.mean = mean
	trends := []*trend{&g.own, &g.whole, &g.filling.leak}
	for k := range g.filling.rest {
		trends = append(trends, &g.filling.rest[k].trend)
	}
	for _, t := range trends {
		t.atTraffic(t.rate*mean/g.flow.mean, &flow)
	}
	g.filling.half *= g.flow.mean / mean
	g.flow = &flow
}

// outlook returns the rates, if they are above 0.
func (g *growth) outlook() (o outlook) {
	if g.own.rate > 0 {
		o.own = g.own.perHour()
	}
	if g.whole.rate > 0 {
		o.whole = g.whole.perHour()
	}
	return o
}

// tell sets the rate of the leak that is the verdict, and its share of the growth, wherever they are told.
func (d *Diagnosis) tell(o outlook) {
	d.Growth = o.whole
	if o.own == nil || len(d.Findings) == 0 || !d.Findings[0].Verdict.Leak() {
		return
	}
	f, i := &d.Findings[0], &d.Incidents[0]
	f.Rate, f.Share, f.whole = o.own, nil, 0
	if o.whole != nil {
		f.whole = float64(o.whole.BytesPerHour)
		f.Share = new(min(1, float64(o.own.BytesPerHour)/f.whole))
	}
	i.Rate, i.Share = f.Rate, f.Share
}
