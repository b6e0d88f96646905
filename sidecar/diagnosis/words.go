package diagnosis

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// unit is what a series counts.
type unit struct {
	text func(float64) string
	many float64 // in an hour
}

func inBytes() unit { return unit{bytesText, 1 << 30} }

func inPieces() unit { return unit{func(n float64) string { return fmt.Sprintf("%.0f", n) }, 3600} }

func inPiecesOf(noun string) unit {
	return unit{func(n float64) string { return fmt.Sprintf("%.0f %s", n, noun) }, 3600}
}

func bytesText(bytes float64) string { return breakdown.Size(new(int64(bytes))) }

// text returns the first value, the last one and the rate, if that explains the difference: what came at
// once, or comes and goes, has none.
func (t *trend) text(u unit) string {
	first, rate := t.floors[0].value, rateText(t.rate, u)
	if t.last != first && t.rate*(t.last-first) <= 0 {
		rate = "not steadily"
	}
	return fmt.Sprintf("%s → %s in %s (%s)", u.text(first), u.text(t.last), spanText(time.Duration(t.to-t.from)*time.Millisecond), rate)
}

// rateText returns a rate per hour, a high one per minute.
func rateText(perHour float64, u unit) string { return rateBeside(perHour, perHour, u) }

// rateBeside is rateText in the unit of time of the higher one of two rates that are compared.
func rateBeside(perHour, other float64, u unit) string {
	if max(math.Abs(perHour), math.Abs(other)) >= u.many {
		return signed(perHour/60, u) + " per minute"
	}
	return signed(perHour, u) + " per hour"
}

func signed(n float64, u unit) string {
	if n < 0 {
		return "-" + u.text(-n)
	}
	return "+" + u.text(n)
}

// grew describes the growth of a series in bytes.
func grew(series string, t trend) string {
	if len(t.floors) == 0 {
		return seriesText(series) + ": unknown"
	}
	return seriesText(series) + ": " + t.text(inBytes())
}

// counted describes the growth of a count.
func counted(what string, t trend) string {
	return what + ": " + t.text(inPieces())
}

// seriesText is the name of a series as in a breakdown.
func seriesText(series string) string {
	switch series {
	case history.Unreclaimable:
		return "unreclaimable memory"
	case history.Row(rows.Threads): // not their number
		return "stacks of threads"
	}
	name := series
	for _, prefix := range []string{"row/", "detail/", history.PrefixProcess} {
		name = strings.TrimPrefix(name, prefix)
	}
	if category, ok := strings.CutPrefix(name, history.PrefixNMT); ok {
		return "NMT category " + category
	}
	return strings.ReplaceAll(name, "/", ": ")
}

// spanText returns a duration in at most two units.
func spanText(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func seconds(s float64) string {
	return spanText(time.Duration(min(s, maxSeconds) * float64(time.Second)))
}

// phrases name the verdicts in a sentence.
var phrases = map[rows.Verdict]string{
	rows.VerdictThreads:            "thread leak",
	rows.VerdictClassLoader:        "class loader leak: classes are loaded and not unloaded",
	rows.VerdictHeap:               "Java heap leak: memory that survives garbage collection grows",
	rows.VerdictDirectBuffers:      "direct buffer leak (direct ByteBuffers or Unsafe memory)",
	rows.VerdictNativeUntracked:    "native memory leak: malloc or mmap outside the JVM's own accounting",
	rows.VerdictAllocatorRetention: "glibc retains freed memory",
	rows.VerdictCodeCache:          "the code cache grows",
	rows.VerdictGC:                 "the garbage collector's data structures grow",
	rows.VerdictJVMInternal:        "HotSpot's internal memory grows",
	rows.VerdictMappedFiles:        "private pages of mapped files grow",
	rows.VerdictShmem:              "files in memory (tmpfs, /dev/shm) grow",
	rows.VerdictKernel:             "kernel memory charged to the container grows",
	rows.VerdictOtherProcess:       "another process in the container grows",
	rows.VerdictUnexplained:        "memory grows that no row accounts for",
	rows.VerdictNotObservable:      "the JVM's memory cannot be read",
	rows.VerdictLimitThrash:        "the container thrashes at its memory limit",
	rows.VerdictHeapFull:           "the Java heap is full",
	rows.VerdictUnresponsive:       "the JVM does not respond",
	rows.VerdictRetained:           "glibc retains a large part of the memory limit",
	rows.VerdictIdleThreads:        "hundreds of threads of a pool do nothing",
	rows.VerdictBudget:             "the JVM's settings do not fit the memory limit",
	rows.VerdictPageCache:          "usage is near the limit because of page cache, which is harmless",
	rows.VerdictNone:               "no sustained growth",
}

// Phrase returns the meaning of a verdict in a few words, with what leaks: "thread leak
// (http-nio-#)".
func Phrase(v rows.Verdict, subject string) string {
	if subject == "" {
		return phrases[v]
	}
	return phrases[v] + " (" + subject + ")"
}

// summary is the sentence for log lines and the page.
func (j *judge) summary(d *Diagnosis) string {
	if d.Verdict == rows.VerdictNotEnoughHistory {
		text := fmt.Sprintf("not enough history: %d of %d samples and light readings since the JVM started", min(j.points, minPoints-1), minPoints)
		if j.points >= minPoints && j.samples < minSamples {
			text = fmt.Sprintf("not enough history: %d of %d samples since the JVM started", j.samples, minSamples)
		}
		for i := range d.Findings {
			text += "; " + phrases[d.Findings[i].Verdict] + " (" + d.Findings[i].Evidence[0] + ")"
		}
		if suspected := d.suspected(); suspected != "" {
			text += "; " + suspected
		}
		return text
	}
	var b strings.Builder
	if d.Verdict == rows.VerdictNone {
		b.WriteString(d.calmText())
	} else {
		b.WriteString(Phrase(d.Verdict, d.Subject))
	}
	switch {
	case d.Verdict.Leak() && d.Incidents[0].State == Paused:
		i := &d.Incidents[0]
		fmt.Fprintf(&b, ", +%s since %s, no growth since %s", i.unit().text(i.Gained), clockText(i.Since), clockText(i.LastGrowth))
	case d.Verdict.Leak():
		i := &d.Incidents[0]
		fmt.Fprintf(&b, ", +%s since %s%s", i.unit().text(i.Gained), clockText(i.Since), d.Findings[0].rateText())
	case len(d.Findings) > 0:
		b.WriteString(": " + d.Findings[0].Evidence[0])
		if d.Verdict == rows.VerdictNotObservable {
			b.WriteString("; " + d.Findings[0].Next[0])
		}
	}
	if suspected := d.suspected(); suspected != "" && d.Verdict != rows.VerdictNone && !d.Verdict.Leak() {
		b.WriteString("; " + suspected)
	}
	if d.Growth != nil && !d.Verdict.Leak() {
		b.WriteString("; unreclaimable memory grows: " + rateText(float64(d.Growth.BytesPerHour), inBytes()))
	}
	if d.Forecast != nil {
		b.WriteString("; " + d.Forecast.sentence())
	}
	return b.String()
}

// sentence says what is expected, and when.
func (f *Forecast) sentence() string {
	what := "OOM kill"
	switch f.Reached {
	case HeapLimit:
		what = "Java OutOfMemoryError"
	case DirectLimit:
		what = "Java OutOfMemoryError at MaxDirectMemorySize, if these are NIO buffers,"
	}
	return what + " expected " + f.text()
}

// rateText returns how fast a leak grows, compared with all memory that cannot be
// reclaimed. What survives collections may grow faster than that.
func (f *Finding) rateText() string {
	if f.Rate == nil {
		return ""
	}
	rate, whole := float64(f.Rate.BytesPerHour), f.whole
	if f.Share != nil && whole == 0 { // read back
		whole = rate / *f.Share
	}
	text, of := ", "+rateBeside(rate, whole, inBytes()), rateBeside(whole, rate, inBytes())
	switch {
	case f.Share == nil || whole <= 0:
	case rate > whole:
		text += " (unreclaimable memory: " + of + ")"
	default:
		text += fmt.Sprintf(", %.0f %% of the growth of unreclaimable memory (%s)", 100*rate/whole, of)
	}
	return text
}

const anyMoment = "at any moment"

// Interval says when a limit is reached: "in 5 min to 7 min".
func (f *Forecast) Interval() string {
	if f.HighSeconds < 1 {
		return anyMoment
	}
	return "in " + seconds(f.LowSeconds) + " to " + seconds(f.HighSeconds)
}

// text returns the expected time, with its interval.
func (f *Forecast) text() string {
	in, low, high := seconds(f.Seconds), seconds(f.LowSeconds), seconds(f.HighSeconds)
	switch {
	case f.Seconds < 1:
		return anyMoment
	case low == high:
		return "in " + in
	case f.MeanTraffic:
		return "in " + in + " at the mean traffic of the last " + seconds(f.TrafficSeconds) + " (" + low + " at the fastest, " + high + " at the slowest)"
	}
	return "in " + in + " (" + low + " to " + high + ")"
}
