package apps

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

const (
	// closeForecast is the allowed error in percent, early the share of the way up to
	// which a leak must be named.
	closeForecast = 25
	early         = 0.5
)

type courseList struct {
	mu      sync.Mutex
	started []string // names of cases
	all     []*course
}

func (l *courseList) start(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = append(l.started, name)
}

// add also prints the rows, as the whole takes long.
func (l *courseList) add(of []*course, requests int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, of...)
	for _, o := range of {
		fmt.Printf("| %s | %d requests\n", strings.Join(o.cells(), " | "), requests)
	}
}

// write prints the tables of the cases that ran and writes them to -markdown.
func (l *courseList) write() error {
	if len(l.started) == 0 {
		return nil
	}
	order := cases()
	place := func(o *course) int {
		return slices.IndexFunc(order, func(c testCase) bool { return c.name() == o.c.name() })
	}
	slices.SortStableFunc(l.all, func(a, b *course) int { return place(a) - place(b) })
	var text bytes.Buffer
	l.print(&text)
	_, err := os.Stdout.Write(text.Bytes())
	if err == nil && *markdown != "" {
		err = os.WriteFile(*markdown, text.Bytes(), 0o644)
	}
	return err
}

func (l *courseList) print(w io.Writer) {
	fmt.Fprintln(w, "| server | setting | truth | suspected | first right verdict | share of the way | changes | wrong accusations | forecast error at half time | at the end | line named |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, o := range l.all {
		fmt.Fprintf(w, "| %s |\n", strings.Join(o.cells(), " | "))
	}
	fmt.Fprintln(w)
	for _, s := range sidecar.Settings() {
		l.summarize(w, s.Name)
	}
	if failed := l.withoutOutcome(); len(failed) > 0 {
		fmt.Fprintf(w, "\n**No outcome, as the case itself failed: %s.**\n", strings.Join(failed, "; "))
	}
	fmt.Fprintf(w, "\nEach case lasted %v, or until its JVM ended. `~`: the JVM did not end, the share is one of that time.\n", *duration)
}

func (l *courseList) withoutOutcome() []string {
	return slices.DeleteFunc(slices.Clone(l.started), func(name string) bool {
		return slices.ContainsFunc(l.all, func(o *course) bool { return o.c.name() == name })
	})
}

// summarize writes precision, recall and the rest for one setting.
func (l *courseList) summarize(w io.Writer, setting string) {
	var leaks, named, soon, seen, clean, accused, unjudged, forecasts, near, within, most int
	right, wrong := 0, 0
	var lines, rightLines, wrongLines int // of leaks that were recorded
	for _, o := range l.all {
		if o.setting != setting {
			continue
		}
		most = max(most, o.changes())
		confirmed, _ := o.accusations()
		wrong += len(confirmed)
		if !o.judged() {
			unjudged++
		}
		if !o.c.leaks() {
			clean++
			if len(confirmed) > 0 {
				accused++
			}
			continue
		}
		leaks++
		if line, reason := o.lineNamed(); line != "" || reason != "" {
			lines++
			switch {
			case line == "":
			case o.lineRight(line):
				rightLines++
			default:
				wrongLines++
			}
		}
		if d, ok := o.firstRight(); ok {
			named++
			right++
			if o.share(d) < early {
				soon++
			}
		}
		if d, ok := o.firstSeen(); ok && o.share(d) < early {
			seen++
		}
		if o.ended {
			forecasts++
			percent, covered, ok := o.forecastError()
			if ok && math.Abs(percent) <= closeForecast {
				near++
			}
			if covered {
				within++
			}
		}
	}
	precision := "no leak named"
	if right+wrong > 0 {
		precision = fmt.Sprintf("precision %d of %d", right, right+wrong)
	}
	line := ""
	if lines > 0 {
		line = fmt.Sprintf(", line of code right in %d of %d, wrong in %d", rightLines, lines, wrongLines)
	}
	if unjudged > 0 {
		setting += fmt.Sprintf(" (%d of %d cases were too short for a verdict)", unjudged, leaks+clean)
	}
	fmt.Fprintf(w, "- %s: %s, %d of %d leaks named (%d before half of the way, %d suspected by then), %d of %d clean servers accused, forecast within %d %% in %d of %d, the end in its interval in %d, at most %d changes%s\n",
		setting, precision, named, leaks, soon, seen, accused, clean, closeForecast, near, forecasts, within, most, line)
}

func (o *course) cells() []string {
	seen, first, share := "", "", ""
	if o.c.leaks() {
		seen, first = "never", "never"
		if d, ok := o.firstSeen(); ok {
			seen = seconds(d)
		}
		if d, ok := o.firstRight(); ok {
			first, share = seconds(d), fmt.Sprintf("%.0f %%", 100*o.share(d))
			if !o.ended {
				share = "~" + share
			}
		}
	}
	off := "no end"
	if percent, covered, ok := o.forecastError(); ok {
		off = fmt.Sprintf("%+.0f %%", percent)
		if covered {
			off += ", in its interval"
		}
	} else if o.ended {
		off = "no forecast"
	}
	confirmed, suspected := o.accusations()
	wrong := strings.Join(confirmed, ", ")
	if len(suspected) > 0 {
		wrong = strings.TrimSpace(wrong + " (suspected only: " + strings.Join(suspected, ", ") + ")")
	}
	last := "no verdict"
	if n := len(o.verdicts); n > 0 {
		last = o.verdicts[n-1].label()
	}
	if o.ended {
		last += fmt.Sprintf("; ended after %s", seconds(o.end.Sub(o.begun)))
	}
	line, reason := o.lineNamed()
	switch {
	case line == "":
		line = reason
	case o.lineRight(line):
		line = "right: " + line
	default:
		line = "WRONG: " + line
	}
	return []string{o.c.server.name, o.setting, o.c.truth(), seen, first, share, fmt.Sprint(o.changes()), wrong, off, last, line}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
