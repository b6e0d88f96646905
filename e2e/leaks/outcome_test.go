package leaks

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// verdictAt is a verdict and its time.
type verdictAt struct {
	time time.Time
	sidecar.Diagnosis
}

// outcome is the course of a case and the verdicts of jvmem.
type outcome struct {
	c          *testCase
	begun, end time.Time
	rows       []rows
	verdicts   []verdictAt
	history    []byte
}

// start returns the start of the leak.
func (o *outcome) start() time.Time {
	if len(o.c.script) == 0 {
		return o.begun
	}
	return o.begun.Add(quiet)
}

// last returns the verdict at the end.
func (o *outcome) last() verdictAt {
	if len(o.verdicts) == 0 {
		return verdictAt{}
	}
	return o.verdicts[len(o.verdicts)-1]
}

// right reports whether the verdict is the expected one.
func (o *outcome) right(s verdictAt) bool {
	return s.Verdict == o.c.verdict && (o.c.subject == "" || s.Subject == o.c.subject)
}

// wrong reports whether the verdict names a wrong cause.
func (o *outcome) wrong(s verdictAt) bool {
	harmless := slices.Contains([]string{"none", "not_enough_history", "page_cache"}, s.Verdict)
	return !harmless && !o.right(s)
}

// timeToVerdict returns the time from the start of the leak to the right verdict; ok is false
// if there was none.
func (o *outcome) timeToVerdict() (d time.Duration, ok bool) {
	i := slices.IndexFunc(o.verdicts, o.right)
	if i < 0 {
		return 0, false
	}
	return o.verdicts[i].time.Sub(o.start()), true
}

// accusations describes the wrong verdicts with their times.
func (o *outcome) accusations() string {
	var texts []string
	for i := 0; i < len(o.verdicts); {
		first := o.verdicts[i]
		until := i
		for until < len(o.verdicts) && o.verdicts[until].Verdict == first.Verdict && o.verdicts[until].Subject == first.Subject {
			until++
		}
		if o.wrong(first) {
			end := o.end
			if until < len(o.verdicts) {
				end = o.verdicts[until].time
			}
			texts = append(texts, fmt.Sprintf("%s %.0f–%.0f s", name(first), first.time.Sub(o.begun).Seconds(), end.Sub(o.begun).Seconds()))
		}
		i = until
	}
	return strings.Join(texts, ", ")
}

func name(s verdictAt) string {
	if s.Subject == "" {
		return cmp.Or(s.Verdict, "no verdict")
	}
	return s.Verdict + " (" + s.Subject + ")"
}

// halfTime returns the verdict at half of the time from the start of the leak to the end, and
// the time that was left then.
func (o *outcome) halfTime() (s verdictAt, left time.Duration) {
	half := o.start().Add(o.end.Sub(o.start()) / 2)
	for _, s = range o.verdicts {
		if !s.time.Before(half) {
			break
		}
	}
	return s, o.end.Sub(s.time)
}

// forecastError returns the error at half time in percent of the time that was left; ok is
// false if there was no forecast.
func (o *outcome) forecastError() (percent float64, ok bool) {
	s, left := o.halfTime()
	if s.Forecast == nil {
		return 0, false
	}
	return 100 * (s.Forecast.Seconds/left.Seconds() - 1), true
}

// named reports whether the verdict at the end is right.
func (o *outcome) named() bool { return o.right(o.last()) }

// complaints returns the reasons to fail the test.
func (o *outcome) complaints() []string {
	var all []string
	if len(o.verdicts) == 0 {
		return []string{"/diagnosis never had the container"}
	}
	if !o.named() {
		all = append(all, fmt.Sprintf("at the end the verdict is %s, want %s: %s", name(o.last()), o.c.verdict, o.last().Summary))
	}
	if wrong := o.accusations(); wrong != "" && o.c.lookAlike {
		all = append(all, "accused: "+wrong)
	}
	return all
}

// gap returns the longest time between two samples, which shows how busy the machine was.
func (o *outcome) gap() time.Duration {
	var gap time.Duration
	for i := 1; i < len(o.rows); i++ {
		gap = max(gap, o.rows[i].time.Sub(o.rows[i-1].time))
	}
	return gap
}

// growth describes how the rows changed from the start of the leak, the largest change first,
// with the change in the first half.
func (o *outcome) growth() string {
	i := slices.IndexFunc(o.rows, func(r rows) bool { return !r.time.Before(o.start()) })
	if i < 0 {
		return "no samples"
	}
	first, middle, last := o.rows[i], o.rows[i+(len(o.rows)-i)/2], o.rows[len(o.rows)-1]
	type change struct {
		row   string
		bytes float64
	}
	var changes []change
	for row, bytes := range last.bytes {
		if by := float64(bytes - first.bytes[row]); math.Abs(by) >= mib {
			changes = append(changes, change{row, by})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(math.Abs(b.bytes), math.Abs(a.bytes)), cmp.Compare(a.row, b.row))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%.0f s, longest gap %.1f s, grown since %.0f s:", o.end.Sub(o.begun).Seconds(), o.gap().Seconds(), first.time.Sub(o.begun).Seconds())
	for _, c := range changes {
		fmt.Fprintf(&b, " %s %+.1f MiB (half: %+.1f)", c.row, c.bytes/mib, float64(middle.bytes[c.row]-first.bytes[c.row])/mib)
	}
	return b.String()
}
