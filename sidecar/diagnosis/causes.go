package diagnosis

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// minConfidence is what a finding needs; a suspicion is enough to be the cause
	// of another one.
	minConfidence, suspicion = 0.5, 0.15
	// enough is the share of the limit whose growth makes a finding two thirds
	// sure: the more has come up, the less it is chance.
	enough = 0.05
	// side is how slow, compared with the fastest, a growth counts as its side
	// effect: classes come with malloc, threads with kernel memory. So it does compared with
	// the whole growth, whose cause may not be found yet.
	side = 0.25
	// causal is how much slower a growth of threads or of classes may be than
	// another one to count as its cause.
	causal = 3

	minThreads = 8
	// manyThreads is how many must come up without a fall to count, if not in a line.
	manyThreads = 24
	manyCount   = 50 // threads whose growth makes a finding two thirds sure
	// manyBuffers is the same for direct buffers, of the limit.
	manyBuffers = 0.1
	minClasses  = 20
)

// leaks returns what has sustained growth, the fastest first, without what comes with
// another leak, also one that is known already.
func (j *judge) leaks(known []Incident) []Finding {
	if j.points < minWorkPoints {
		return nil
	}
	var all []Finding
	for _, part := range rows.Judged() {
		if f, ok := j.leak(part); ok {
			all = append(all, f)
		}
	}
	for k := range known {
		i := &known[k]
		if i.open() && i.Rate != nil && !slices.ContainsFunc(all, func(f Finding) bool { return f.Verdict == i.Verdict }) {
			f := i.last()
			f.known = true
			all = append(all, f)
		}
	}
	found := slices.DeleteFunc(sideEffects(slices.Clone(all)), func(f Finding) bool {
		return f.known || f.Confidence < minConfidence || f.minor()
	})
	// What may be garbage explains nothing else.
	if f, ok := j.heapUncollected(); ok && !slices.ContainsFunc(all, func(of Finding) bool {
		return of.Verdict == rows.VerdictHeap || of.Verdict == rows.VerdictClassLoader && j.classesExplain(f.window, f.Rate, causal)
	}) {
		found = append(found, f)
	}
	return found
}

// leak finds growth of a row or a detail, by the judge of its verdict if there is one.
func (j *judge) leak(p rows.Part) (Finding, bool) {
	series := history.Row(p.Row)
	if p.Detail != "" {
		series = history.Detail(p.Row, p.Detail)
	}
	switch p.Verdict {
	case rows.VerdictThreads:
		return j.threads()
	case rows.VerdictClassLoader:
		return j.classLoader()
	case rows.VerdictHeap:
		return j.heap()
	case rows.VerdictJVMInternal:
		return j.internal()
	case rows.VerdictKernel:
		return j.parts(p.Verdict, series, history.Detail(p.Row, ""))()
	case rows.VerdictOtherProcess:
		return j.parts(p.Verdict, series, history.PrefixProcess)()
	}
	f, ok := j.row(p.Verdict, series, p.Subject)()
	// What belongs to loaded classes goes with them: these are the cause, found or still to be found. Without Native
	// Memory Tracking, malloc has what HotSpot needs for them, half as much as metaspace.
	switch {
	case p.Verdict == rows.VerdictCodeCache && j.classesExplain(f.window, f.Rate, causal),
		p.Subject == rows.Malloc && j.classesExplain(f.window, f.Rate, 1):
		return f, false
	}
	return f, ok
}

// finding makes a finding of a trend in bytes.
func (j *judge) finding(v rows.Verdict, subject, series string, t trend) (Finding, bool) {
	f := Finding{Verdict: v, Subject: subject, Rate: t.perHour(), series: series}
	f.measured(series, &t)
	if m := measureOf(series); m != series {
		if of, ok := j.trendOf(m, f.window); ok {
			f.measured(m, &of)
		}
	}
	f.Confidence = t.confidence(j.scale())
	f.shared(j, t.rate)
	return f, f.Confidence >= suspicion
}

// measured says what grew: the series, and when.
func (f *Finding) measured(series string, t *trend) {
	f.measure, f.window, f.slows = series, window{t.from, t.to}, f.slows || t.slows
	f.from, f.to = t.floors[0].value, t.floors[len(t.floors)-1].value
}

// confidence is up to 1: how steadily it grew (Kendall's tau), how straight, and
// how much of the scale came up.
func (t *trend) confidence(scale float64) float64 {
	return t.tau * min(1, t.bend) * (1 - math.Exp(-t.growth/(enough*scale)))
}

func (t *trend) perHour() *Rate {
	return &Rate{BytesPerHour: int64(t.rate), LowBytesPerHour: int64(t.low), HighBytesPerHour: int64(t.high)}
}

// shared sets how much of the growth of what cannot be reclaimed is explained.
func (f *Finding) shared(j *judge, rate float64) {
	if f.whole = j.rate(history.Unreclaimable, f.window); f.whole > 0 {
		f.Share = new(min(1, rate/f.whole))
	}
}

// row finds growth of one series.
func (j *judge) row(v rows.Verdict, series, subject string) func() (Finding, bool) {
	return func() (Finding, bool) {
		t, ok := j.risingDetail(series)
		if !ok && v == rows.VerdictDirectBuffers {
			t, ok = j.stairs(series, manyBuffers*j.scale())
			ok = ok && j.resident(series, &t)
		}
		if !ok || v == rows.VerdictAllocatorRetention && !j.fragmented() {
			return Finding{}, false
		}
		f, ok := j.finding(v, subject, series, t)
		f.waiting = j.cleanersMissing(v, series, &t)
		f.Evidence = []string{grew(series, t)}
		if v == rows.VerdictNativeUntracked || v == rows.VerdictAllocatorRetention {
			// What it is not.
			for _, part := range []string{rows.DirectBuffers, rows.JVMInternal, rows.Untracked} {
				other := history.Detail(rows.Native, part)
				if of, ok := j.trendOf(other, window{t.from, t.to}); ok && other != series {
					f.Evidence = append(f.Evidence, "for comparison: "+grew(other, of))
				}
			}
		}
		return f, ok
	}
}

// counting finds growth of a number. Its room is that of the row that grows with it.
func (j *judge) counting(series, row string, least float64) (trend, bool) {
	room := math.Inf(1)
	n, _ := j.now(series)
	if bytes, ok := j.now(row); ok && bytes > 0 {
		room = j.room() * n / bytes
	}
	return j.risingIn(func(w window) (trend, bool) { return j.trendOf(series, w) }, least, room)
}

// threads: the count of threads grows. Their bytes are stacks and kernel memory.
func (j *judge) threads() (Finding, bool) {
	count, ok := j.counting(history.Threads, history.Row(rows.Threads), minThreads)
	if !ok {
		if count, ok = j.stairs(history.Threads, manyThreads); !ok {
			return Finding{}, false
		}
	}
	w := window{count.from, count.to}
	pool := j.fastest(history.PrefixPool, w)
	stacks, _ := j.trendOf(history.Row(rows.Threads), w)
	bytes := stacks
	kernel, _ := j.trendOf(history.Row(rows.Kernel), w)
	if kernel.rate > 0 {
		bytes.rate, bytes.low, bytes.high = bytes.rate+kernel.rate, bytes.low+max(0, kernel.low), bytes.high+kernel.high
	}
	f := Finding{Verdict: rows.VerdictThreads, Subject: strings.TrimPrefix(pool, history.PrefixPool), Rate: bytes.perHour()}
	f.measured(history.Threads, &count)
	f.shared(j, bytes.rate)
	f.Confidence = count.tau * min(1, count.bend) * (1 - math.Exp(-count.growth/manyCount-max(0, bytes.growth)/(enough*j.scale())))
	f.Evidence = []string{counted("threads", count)}
	if t, ok := j.trendOf(pool, w); ok {
		f.Evidence = append(f.Evidence, counted("threads in pool "+f.Subject, t))
		if t.growth >= mostOfRow*count.growth { // else they have several names
			f.measured(pool, &t)
		}
	}
	f.Evidence = append(f.Evidence, grew(history.Row(rows.Threads), stacks), grew(history.Row(rows.Kernel), kernel))
	return f, f.Confidence >= suspicion
}

// classLoader: more and more classes are loaded, and metaspace grows with them. With
// a flat number it is the JIT, which keeps profiles there.
func (j *judge) classLoader() (Finding, bool) {
	count, ok := j.counting(history.Classes, history.Row(rows.Metaspace), minClasses)
	if !ok {
		return Finding{}, false
	}
	t, ok := j.trendOf(history.Row(rows.Metaspace), window{count.from, count.to})
	if !ok || t.z < minZ || t.growth < j.least() {
		return Finding{}, false
	}
	f, _ := j.finding(rows.VerdictClassLoader, "", history.Classes, t)
	f.measured(history.Classes, &count)
	f.series = history.Row(rows.Metaspace)
	f.waiting = j.unloadingMissing()
	f.Confidence = min(count.tau*min(1, count.bend), f.Confidence/min(1, t.bend))
	f.Evidence = []string{counted("loaded classes", count), grew(history.Row(rows.Metaspace), t)}
	return f, f.Confidence >= suspicion
}

// countOf is what categories of NMT grow with.
var countOf = map[string]string{
	history.PrefixNMT + "class": history.Classes, history.PrefixNMT + "symbol": history.Classes, history.PrefixNMT + "thread": history.Threads,
}

// recorder is the category of Flight Recorder. It takes up to evidence.RecordingBytes when it starts, and while
// it samples objects.
const recorder = "tracing"

// internal: what HotSpot itself mallocs grows.
func (j *judge) internal() (Finding, bool) {
	f, ok := j.parts(rows.VerdictJVMInternal, history.Detail(rows.Native, rows.JVMInternal), history.PrefixNMT)()
	if ok && j.classesExplain(f.window, f.Rate, causal) {
		return Finding{}, false
	}
	if n, _ := j.now(history.PrefixNMT + recorder); f.Subject == recorder && n < evidence.RecordingBytes {
		return Finding{}, false
	}
	if count := countOf[history.PrefixNMT+f.Subject]; ok && count != "" {
		if t, ok := j.trendOf(count, f.window); ok && t.z >= minZ {
			return Finding{}, false // that is the cause, found or still to be found
		}
	}
	return f, ok
}

// parts finds growth of a series whose subject is the part that grows fastest.
func (j *judge) parts(v rows.Verdict, series, prefix string) func() (Finding, bool) {
	return func() (Finding, bool) {
		t, ok := j.risingDetail(series)
		if !ok {
			return Finding{}, false
		}
		w := window{t.from, t.to}
		part := j.fastest(prefix, w)
		f, ok := j.finding(v, strings.TrimPrefix(part, prefix), series, t)
		f.Evidence = []string{grew(series, t)}
		if of, known := j.trendOf(part, w); known {
			f.Evidence = append(f.Evidence, grew(part, of))
		}
		return f, ok
	}
}

// fastest returns the series with this prefix that grows fastest, "" if none does.
func (j *judge) fastest(prefix string, w window) string {
	var best string
	var rate float64
	for _, name := range j.c.Names(prefix) {
		if r := j.rate(name, w); r > rate {
			best, rate = name, r
		}
	}
	return best
}

// weight is how much a finding counts, compared with others.
func (f *Finding) weight() float64 {
	if f.Rate == nil {
		return 0
	}
	rate := float64(f.Rate.BytesPerHour)
	if f.Verdict == rows.VerdictThreads || f.Verdict == rows.VerdictClassLoader {
		return causal * rate
	}
	return rate
}

// minor reports whether most of the growth is that of something else, whose cause may not be
// found yet. Counts and collections show a leak of any size.
func (f *Finding) minor() bool {
	switch f.Verdict {
	case rows.VerdictThreads, rows.VerdictClassLoader, rows.VerdictHeap:
		return false
	}
	return f.Share != nil && *f.Share < side
}

// sideEffects sorts the findings and leaves out what comes with another one.
func sideEffects(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(b.weight(), a.weight()) })
	if len(all) == 0 {
		return all
	}
	first := all[0]
	return slices.DeleteFunc(all, func(f Finding) bool {
		if f.Verdict == first.Verdict && f.Subject == first.Subject {
			return false
		}
		with := side
		switch {
		case first.Verdict == rows.VerdictThreads && (f.Verdict == rows.VerdictKernel || f.Verdict == rows.VerdictJVMInternal),
			first.Verdict == rows.VerdictClassLoader && (f.Verdict == rows.VerdictHeap || f.Verdict == rows.VerdictJVMInternal || f.Verdict == rows.VerdictCodeCache),
			first.Verdict == rows.VerdictHeap && f.Verdict == rows.VerdictGC:
			with = causal
		}
		return float64(f.Rate.BytesPerHour) < with*float64(first.Rate.BytesPerHour)
	})
}
