package chart

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Picture is the content of a chart.
type Picture struct {
	Title string
	// Verdict is one sentence; "" if there is none yet.
	Verdict string
	// Track has the rows; nil or without steps: there are no samples in this time.
	Track    *history.Track
	From, To time.Time
	Forecast *Forecast // nil: none
}

// The picture's size, and where in it the plot is.
const (
	width, height            = 960, 500
	left, top, right, bottom = 76, 104, 716, 448
	legendX, lineHeight      = 744, 23
	lineLetters              = 128 // of the verdict per line
)

const (
	ink, soft, grid = "#1c2127", "#5d6772", "#e3e7eb"
	limitInk        = "#b3261e"
)

// Write writes the picture. The error is the writer's.
func Write(w io.Writer, p Picture) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="jvmem-title jvmem-verdict" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" font-size="13" fill="%[3]s">`+"\n", width, height, ink)
	fmt.Fprintf(&b, "<title id=\"jvmem-title\">%s</title>\n<desc id=\"jvmem-verdict\">%s</desc>\n", escape(p.Title), escape(p.Verdict))
	stacked := rows.Stacked()
	define(&b, stacked)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	write(&b, left, 34, `font-size="18" font-weight="600"`, p.Title)
	for i, line := range wrap(p.Verdict, lineLetters, 2) {
		write(&b, left, 58+18*i, `fill="`+soft+`"`, line)
	}
	d := &drawing{Picture: p, rows: stacked, b: &b}
	if p.Track == nil || len(p.Track.Times) == 0 {
		write(&b, (left+right)/2, (top+bottom)/2, `text-anchor="middle" fill="`+soft+`"`, "no samples in this time")
	}
	d.plan()
	d.scale()
	d.axes()
	d.areas()
	d.unreclaimable()
	d.limit()
	d.forecast()
	d.legend()
	write(&b, left, height-14, `font-size="11" fill="`+soft+`"`, fmt.Sprintf("%s to %s UTC, jvmem", p.From.UTC().Format("2006-01-02 15:04:05"), p.To.UTC().Format("2006-01-02 15:04:05")))
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawing draws one picture.
type drawing struct {
	Picture
	rows []rows.Row // from the bottom up
	b    *strings.Builder
	most float64 // the value at the top of the plot
	// end is the time at the right of the plot, squeeze how much the time after To is compressed.
	end     time.Time
	squeeze float64
}

// row returns the size of a row in a step, from the last full sample.
func (d *drawing) row(row rows.Name, i int) (float64, bool) {
	return d.at(history.Row(row), d.Track.Sampled(i))
}

// at returns the value of a series in a step; false: unknown.
func (d *drawing) at(series string, i int) (float64, bool) {
	p := d.Track.Series[series].At(i)
	return float64(p.Last), p.Last != history.Unknown
}

func (d *drawing) steps() int {
	if d.Track == nil {
		return 0
	}
	return len(d.Track.Times)
}

func (d *drawing) scale() {
	d.most = 64 << 20
	for i := range d.steps() {
		for _, series := range []string{history.Usage, history.Limit} {
			if v, ok := d.at(series, i); ok {
				d.most = max(d.most, v*1.06)
			}
		}
	}
}

func (d *drawing) x(millis int64) float64 {
	from, to := d.From.UnixMilli(), d.end.UnixMilli()
	return left + (right-left)*float64(millis-from)/float64(max(to-from, 1))
}

func (d *drawing) y(bytes float64) float64 { return bottom - (bottom-top)*bytes/d.most }

func (d *drawing) axes() {
	step := byteStep(d.most)
	for v := 0.0; v <= d.most; v += step {
		fmt.Fprintf(d.b, `<path d="M%d %.1fH%d" stroke="%s"/>`+"\n", left, d.y(v), right, grid)
		write(d.b, left-8, int(d.y(v))+4, `text-anchor="end" font-size="12" fill="`+soft+`"`, scaleText(v))
	}
	end := d.end
	if d.squeeze < 1 {
		end = d.To
	}
	every, layout := timeStep(d.end.Sub(d.From))
	for at := d.From.UTC().Truncate(every).Add(every); at.Before(end); at = at.Add(every) {
		x := d.x(at.UnixMilli())
		fmt.Fprintf(d.b, `<path d="M%.1f %dv5" stroke="%s"/>`+"\n", x, bottom, soft)
		write(d.b, int(x), bottom+19, `text-anchor="middle" font-size="12" fill="`+soft+`"`, at.Format(layout))
	}
}

// areas stacks the rows. It draws nothing where usage is unknown or samples are missing.
func (d *drawing) areas() {
	ground := make([]float64, d.steps())
	roof := make([]float64, d.steps())
	runs := d.runs()
	for k := range d.rows {
		row := &d.rows[k]
		for i := range roof {
			v, _ := d.row(row.Name, i)
			roof[i] = ground[i] + max(v, 0)
		}
		var path strings.Builder
		for _, run := range runs {
			for i := run[0]; i <= run[1]; i++ {
				fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == run[0]], d.x(d.Track.Times[i]), d.y(roof[i]))
			}
			for i := run[1]; i >= run[0]; i-- {
				fmt.Fprintf(&path, "L%.1f %.1f", d.x(d.Track.Times[i]), d.y(ground[i]))
			}
			path.WriteString("Z")
		}
		if !slices.Equal(roof, ground) {
			fmt.Fprintf(d.b, `<path d="%s" fill="%s" stroke="#ffffff" stroke-width="0.5"/>`+"\n", path.String(), fill(row))
		}
		copy(ground, roof)
	}
}

// runs returns the first and last step of each part without a gap.
func (d *drawing) runs() [][2]int {
	var runs [][2]int
	open := false
	for i := range d.steps() {
		_, known := d.at(history.Usage, i)
		switch {
		case !known:
			open = false
		case open && !gap(d.Track.Times, i):
			runs[len(runs)-1][1] = i
		default:
			runs, open = append(runs, [2]int{i, i}), true
		}
	}
	return runs
}

// gap reports whether samples are missing between a step and the one before: the distance
// is much longer than those nearby. Old steps are coarser than new ones, and the first may
// be the only one of these.
func gap(times []int64, i int) bool {
	const near, least = 6, 2000 // steps, milliseconds
	usual := max(middle(times[max(0, i-near):i]), middle(times[i:min(len(times), i+near)]))
	return i > 1 && times[i]-times[i-1] > max(3*usual, least)
}

// middle is the median of the distances between times; 0 where there is none.
func middle(times []int64) int64 {
	if len(times) < 2 {
		return 0
	}
	distances := make([]int64, len(times)-1)
	for i := range distances {
		distances[i] = times[i+1] - times[i]
	}
	slices.Sort(distances)
	return distances[len(distances)/2]
}

func (d *drawing) limit() {
	n := d.steps()
	if n == 0 {
		return
	}
	if limit, ok := d.at(history.Limit, n-1); ok {
		y := d.y(limit)
		fmt.Fprintf(d.b, `<path d="M%d %.1fH%d" stroke="%s" stroke-width="1.5" stroke-dasharray="7 4"/>`+"\n", left, y, right, limitInk)
		write(d.b, left+6, int(y)-6, `font-size="12" font-weight="600" fill="`+limitInk+`"`, "limit "+breakdown.Size(new(int64(limit))))
	}
}

// legend lists the rows in their order with the sizes of the last full sample, which add
// up to usage.
func (d *drawing) legend() {
	y, last := top+6, -1
	if d.steps() > 0 {
		last = d.Track.Sampled(d.steps() - 1)
	}
	size := func(series string) string {
		if last < 0 {
			return ""
		}
		v, ok := d.at(series, last)
		if !ok {
			return "unknown"
		}
		return breakdown.Size(new(int64(v)))
	}
	line := func(name, value, attributes string) {
		write(d.b, legendX+22, y, attributes, name)
		write(d.b, width-24, y, `text-anchor="end" `+attributes, value)
		y += lineHeight
	}
	line("usage", size(history.Usage), `font-weight="600"`)
	fmt.Fprintf(d.b, `<path d="M%d %dh14" stroke="%s" stroke-width="1.5"/>`+"\n", legendX, y-4, ink)
	line("unreclaimable", size(history.Unreclaimable), "")
	for k := len(d.rows) - 1; k >= 0; k-- {
		row := &d.rows[k]
		fmt.Fprintf(d.b, `<rect x="%d" y="%d" width="14" height="14" fill="%s" stroke="%s" stroke-width="0.5"/>`+"\n", legendX, y-11, fill(row), soft)
		line(row.Title, size(history.Row(row.Name)), "")
	}
}

func write(b *strings.Builder, x, y int, attributes, content string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" %s>%s</text>`+"\n", x, y, attributes, escape(content))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// scaleText formats a value of the scale, which is a multiple of a power of two.
func scaleText(bytes float64) string {
	switch {
	case bytes == 0:
		return "0"
	case bytes >= 1<<30:
		return fmt.Sprintf("%g GiB", bytes/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%g MiB", bytes/(1<<20))
	}
	return fmt.Sprintf("%g KiB", bytes/(1<<10))
}

// wrap breaks a sentence into lines, and truncates it with an ellipsis.
func wrap(s string, letters, most int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= letters:
			line += " " + word
		case len(lines) == most-1:
			return append(lines, line+" …")
		default:
			lines, line = append(lines, line), word
		}
	}
	if line == "" {
		return lines
	}
	return append(lines, line)
}
