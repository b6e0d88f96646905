package chart

import (
	"fmt"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
)

// Forecast is when a limit is reached.
type Forecast struct {
	// Full is what is reached below the limit of the container; "": that limit.
	Full          string
	At, Low, High time.Time // Low and High bound the interval
	// Text says when: "in 5 min to 7 min".
	Text string
}

// plan makes room for the forecast: half of the plot at most. A longer one is compressed.
func (d *drawing) plan() {
	d.end, d.squeeze = d.To, 1
	if d.Forecast == nil {
		return
	}
	span, needed := d.To.Sub(d.From), max(d.Forecast.High.Sub(d.To)*11/10, 1)
	ahead := min(max(needed, span/8), span/2)
	d.end, d.squeeze = d.To.Add(ahead), min(1, float64(ahead)/float64(needed))
}

// ahead returns where a time of the forecast is.
func (d *drawing) ahead(t time.Time) float64 {
	return d.x(d.To.Add(time.Duration(float64(max(t.Sub(d.To), 0)) * d.squeeze)).UnixMilli())
}

// forecast draws a line from now to the limit, and its interval as a band. A heap, or direct
// memory, is full below the limit of the container: there the band is the interval only.
func (d *drawing) forecast() {
	f, n := d.Forecast, d.steps()
	if f == nil || n == 0 {
		return
	}
	limit, limited := d.at(history.Limit, n-1)
	value, known := d.at(history.Unreclaimable, n-1)
	if !limited || !known {
		return
	}
	now, low, high, at := d.x(d.Track.Times[n-1]), d.ahead(f.Low), max(d.ahead(f.High), d.ahead(f.Low)+2), d.ahead(f.At)
	band, line, what := fmt.Sprintf("M%.1f %.1fL%.1f %.1fH%.1fZ", now, d.y(value), low, d.y(limit), high), fmt.Sprintf("M%.1f %.1fL%.1f %.1f", now, d.y(value), at, d.y(limit)), "limit"
	if f.Full != "" {
		band, line, what = fmt.Sprintf("M%.1f %dV%dH%.1fV%dZ", low, bottom, top, high, bottom), fmt.Sprintf("M%.1f %dV%d", at, bottom, top), f.Full
	}
	fmt.Fprintf(d.b, `<path d="%s" fill="%s" fill-opacity="0.25"/>`+"\n", band, limitInk)
	fmt.Fprintf(d.b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", line, limitInk)
	fmt.Fprintf(d.b, `<path d="M%.1f %dV%d" stroke="%s" stroke-dasharray="2 3"/>`+"\n", now, top, bottom, soft)
	text := what + " " + f.Text
	if d.squeeze < 1 {
		text += ", not to scale"
	}
	write(d.b, right-4, int(d.y(limit))-6, `text-anchor="end" font-size="12" font-weight="600"`, text)
}

// unreclaimable draws what counts towards the limit as a line, from which the forecast goes on.
func (d *drawing) unreclaimable() {
	path, open := "", false
	for i := range d.steps() {
		v, known := d.at(history.Unreclaimable, i)
		switch {
		case known && open && !gap(d.Track.Times, i):
			path += fmt.Sprintf("L%.1f %.1f", d.x(d.Track.Times[i]), d.y(v))
		case known:
			path += fmt.Sprintf("M%.1f %.1f", d.x(d.Track.Times[i]), d.y(v))
		}
		open = known
	}
	if path != "" {
		fmt.Fprintf(d.b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path, ink)
	}
}
