package history

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/jvmem/jvmem/jvm"
)

// Track is a set of series over the same times. Those of a document are read-only.
type Track struct {
	// StepMillis is the length of a step; 0: single samples and readings.
	StepMillis int64 `json:"step_ms"`
	// Times are those of the last sample in each step, in milliseconds since 1970, in
	// ascending order.
	Times  []int64            `json:"time_unix_ms"`
	Series map[string]*Column `json:"series"`

	most int    // steps to keep; 0: all
	drop []bool // what trim removes; kept as it is needed again
}

// Column is one series of a track. Min and Max are nil where each step is one sample.
type Column struct {
	Last Values `json:"last"`
	Min  Values `json:"min,omitempty"`
	Max  Values `json:"max,omitempty"`
}

// At returns the value at the index of a time; Unknown where there is none.
func (c *Column) At(i int) Point {
	if c == nil || i < 0 || i >= len(c.Last) {
		return unknownPoint()
	}
	p := Point{c.Last[i], c.Last[i], c.Last[i]}
	if i < len(c.Min) && i < len(c.Max) && p.Last != Unknown {
		p.Min, p.Max = c.Min[i], c.Max[i]
	}
	return p
}

func (c *Column) last() Values {
	if c == nil {
		return nil
	}
	return c.Last
}

// Sampled returns the last step up to i with a full sample, which has the rows; the first
// one after i if there is none, -1 if there is none at all.
func (t *Track) Sampled(i int) int {
	for k := i; k >= 0; k-- {
		if t.IsSample(k) {
			return k
		}
	}
	for k := i + 1; k < len(t.Times); k++ {
		if t.IsSample(k) {
			return k
		}
	}
	return -1
}

// IsSample reports whether a step has a full sample. Otherwise it has light readings only.
func (t *Track) IsSample(i int) bool { return t.Series[JVMGeneration].At(i).Last != Unknown }

func (t *Track) push(c *Column, p Point) {
	c.Last = t.append(c.Last, p.Last)
	if t.StepMillis > 0 {
		c.Min, c.Max = t.append(c.Min, p.Min), t.append(c.Max, p.Max)
	}
}

// append allocates no more than the track will ever need.
func (t *Track) append(v []int64, n int64) []int64 {
	if full := t.most + t.most/8 + 1; len(v) == cap(v) && t.most > 0 && 2*len(v) > full {
		v = append(make([]int64, 0, full), v...)
	}
	return append(v, n)
}

func (c *Column) set(i int, p Point) {
	c.Last[i], c.Min[i], c.Max[i] = p.Last, p.Min, p.Max
}

// column returns the column of a name, a new one if there is room.
func (t *Track) column(name string) *Column {
	if c := t.Series[name]; c != nil {
		return c
	}
	if len(t.Series) >= maxSeries && !t.dropStale() {
		return nil
	}
	c := &Column{}
	for range t.Times {
		t.push(c, unknownPoint())
	}
	if t.Series == nil {
		t.Series = make(map[string]*Column)
	}
	t.Series[name] = c
	return c
}

// add adds a sample, or a step of a finer track, to the step it belongs to or as a new
// one. done reports that the step before is complete.
func (t *Track) add(time int64, names []string, at func(i int) Point) (done bool) {
	n := len(t.Times)
	same := n > 0 && t.StepMillis > 0 && time/t.StepMillis == t.Times[n-1]/t.StepMillis
	for i, name := range names {
		c := t.column(name)
		switch {
		case c == nil:
		case same:
			p := c.At(n - 1)
			p.add(at(i))
			c.set(n-1, p)
		case len(c.Last) == n: // else the name is there twice
			t.push(c, at(i))
		}
	}
	if same {
		t.Times[n-1] = time
		return false
	}
	t.Times = t.append(t.Times, time)
	for _, c := range t.Series {
		if len(c.Last) == n {
			t.push(c, unknownPoint())
		}
	}
	t.trim()
	return n > 0
}

// dropStale removes the series of a pool or a process that has been unknown for longest.
func (t *Track) dropStale() bool {
	stalest, since := "", len(t.Times)
	for name, c := range t.Series {
		if !strings.HasPrefix(name, PrefixPool) && !strings.HasPrefix(name, PrefixProcess) {
			continue
		}
		known := len(c.Last) // index of its last known value, plus one
		for known > 0 && c.Last[known-1] == Unknown {
			known--
		}
		if known < since {
			stalest, since = name, known
		}
	}
	delete(t.Series, stalest)
	return stalest != ""
}

// readingsShare is the part of a track that readings may fill: they come more often than
// samples, and must not push these out.
const readingsShare = 3 // a third

// trim removes the oldest steps when there are an eighth too many, readings beyond their
// share first, and series without a known value.
func (t *Track) trim() {
	extra := len(t.Times) - t.most
	if t.most == 0 || extra <= t.most/8 {
		return
	}
	t.mark(extra)
	t.Times = compact(t.Times, t.drop)
	for name, c := range t.Series {
		c.Last = compact(c.Last, t.drop)
		if c.Min != nil {
			c.Min, c.Max = compact(c.Min, t.drop), compact(c.Max, t.drop)
		}
		if c.empty() {
			delete(t.Series, name)
		}
	}
}

// mark notes in drop which steps are to be removed, n at least.
func (t *Track) mark(n int) {
	generation := t.Series[JVMGeneration]
	isReading := func(i int) bool { return t.StepMillis == 0 && generation != nil && generation.At(i).Last == Unknown }
	readings := 0
	for i := range t.Times {
		if isReading(i) {
			readings++
		}
	}
	surplus := min(n, max(0, readings-t.most/readingsShare))
	samples := n - surplus
	t.drop = slices.Grow(t.drop[:0], len(t.Times))[:len(t.Times)]
	for i := range t.Times {
		switch {
		case isReading(i):
			// One before the samples that are left would hide the coarser track.
			t.drop[i] = surplus > 0 || samples > 0
			surplus--
		default:
			t.drop[i] = samples > 0
			samples--
		}
	}
}

func compact[T any](all []T, drop []bool) []T {
	n := 0
	for i, v := range all {
		if !drop[i] {
			all[n] = v
			n++
		}
	}
	return all[:n]
}

func (c *Column) empty() bool {
	for _, v := range c.Last {
		if v != Unknown {
			return false
		}
	}
	return true
}

// resampled returns the track from a time on in steps of at least step; 0 keeps the
// steps.
func (t *Track) resampled(since, step int64) *Track {
	return t.selected(max(step, t.StepMillis), func(i int) bool { return t.Times[i] >= since })
}

// selected returns a track of these steps.
func (t *Track) selected(step int64, want func(i int) bool) *Track {
	out := &Track{StepMillis: step}
	names := make([]string, 0, len(t.Series))
	columns := make([]*Column, 0, len(t.Series))
	for name, c := range t.Series {
		names, columns = append(names, name), append(columns, c)
	}
	for i, time := range t.Times {
		if want(i) {
			out.add(time, names, func(k int) Point { return columns[k].At(i) })
		}
	}
	return out
}

// Thinned returns a track of the last steps, and of some before them, spread evenly over the
// time: of each part the last full sample, or the last reading if it has none.
func (t *Track) Thinned(last, before int) *Track {
	head := len(t.Times) - last
	if head <= before {
		return t
	}
	parts := make([]int, before) // of each part the step that is kept, plus one
	from, span := t.Times[0], t.Times[head]-t.Times[0]+1
	for i := range head {
		part := &parts[(t.Times[i]-from)*int64(before)/span]
		if *part == 0 || t.IsSample(i) || !t.IsSample(*part-1) {
			*part = i + 1
		}
	}
	return t.selected(t.StepMillis, func(i int) bool { return i >= head || slices.Contains(parts, i+1) })
}

// cutAfter removes the steps after a time.
func (t *Track) cutAfter(time int64) {
	n := sort.Search(len(t.Times), func(i int) bool { return t.Times[i] > time })
	t.Times = t.Times[:n]
	for _, c := range t.Series {
		c.Last = c.Last[:n]
		c.Min, c.Max = c.Min[:min(n, len(c.Min))], c.Max[:min(n, len(c.Max))]
	}
}

// check reports whether a track from outside is well-formed.
func (t *Track) check() bool {
	for i, time := range t.Times {
		if i > 0 && time < t.Times[i-1] {
			return false
		}
	}
	for _, c := range t.Series {
		if c == nil || len(c.Last) != len(t.Times) || len(c.Min) != len(c.Max) || (len(c.Min) > 0 && len(c.Min) != len(c.Last)) {
			return false
		}
	}
	return t.StepMillis >= 0
}

// clean makes the names of a track from outside printable.
func (t *Track) clean() {
	for _, name := range slices.Collect(maps.Keys(t.Series)) {
		if printable := jvm.Printable(name, 2*maxName); printable != name {
			t.Series[printable] = t.Series[name]
			delete(t.Series, name)
		}
	}
}
