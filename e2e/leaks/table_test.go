package leaks

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// closeForecast is the allowed error in percent.
const closeForecast = 15

type outcomeList struct {
	mu      sync.Mutex
	started []string // names of cases
	all     []*outcome
}

func (l *outcomeList) start(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = append(l.started, name)
}

// add also prints a line, as the whole takes long.
func (l *outcomeList) add(o *outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, o)
	fmt.Printf("%2d  %-28s %-30s %s\n", len(l.all), o.c.name, name(o.last()), o.growth())
}

// write prints the tables of the cases that ran and writes the files that flags name.
func (l *outcomeList) write() error {
	if len(l.started) == 0 || *shapes {
		return nil
	}
	order := slices.Concat(leaks(), lookAlikes())
	place := func(o *outcome) int {
		return slices.IndexFunc(order, func(c testCase) bool { return c.name == o.c.name })
	}
	slices.SortFunc(l.all, func(a, b *outcome) int { return place(a) - place(b) })
	var text bytes.Buffer
	l.print(&text)
	_, err := os.Stdout.Write(text.Bytes())
	if *markdown != "" {
		err = errors.Join(err, os.WriteFile(*markdown, text.Bytes(), 0o644))
	}
	if *record != "" {
		err = errors.Join(err, l.record(*record))
	}
	return err
}

// print writes tables in Markdown.
func (l *outcomeList) print(w io.Writer) {
	var leaks, named, alikes, accused, ended, near int
	var gap time.Duration
	table := [][]string{{"leak", "JVM", "verdict", "confidence", "time to verdict", "forecast at half time", "true", "error", "wrong before"}}
	harmless := [][]string{{"look-alike", "JVM", "at the end", "accused of"}}
	for _, o := range l.all {
		gap = max(gap, o.gap())
		if o.c.lookAlike {
			alikes++
			if o.accusations() != "" {
				accused++
			}
			harmless = append(harmless, []string{o.c.name, o.c.jvm(), name(o.last()), o.accusations()})
			continue
		}
		leaks++
		verdict := name(o.last())
		if o.named() {
			named++
		} else {
			verdict = "**" + verdict + "**, want " + o.c.verdict
		}
		forecast, left, off := "", "no end", ""
		if o.c.lasts == 0 {
			ended++
			forecast, left, off = o.forecastCells()
			if percent, ok := o.forecastError(); ok && math.Abs(percent) <= closeForecast {
				near++
			}
		}
		table = append(table, []string{o.c.name, o.c.jvm(), verdict, confidence(o.last()), o.timeCell(), forecast, left, off, o.accusations()})
	}
	writeTable(w, table)
	writeTable(w, harmless)
	if cgroupVersion() == 1 {
		fmt.Fprint(w, "The case of unread sockets is skipped: cgroup v1 does not charge them.\n\n")
	}
	fmt.Fprintf(w, "The longest time between two samples was %.1f s, with an interval of %v.\n\n", gap.Seconds(), *interval)
	if failed := l.unjudged(); len(failed) > 0 {
		fmt.Fprintf(w, "**No outcome, as the case itself failed: %s.**\n\n", strings.Join(failed, ", "))
	}
	fmt.Fprintf(w, "%d of %d leaks named, %d of %d look-alikes accused, forecast within %d %% in %d of %d\n",
		named, leaks, accused, alikes, closeForecast, near, ended)
}

// unjudged returns the cases that started and have no outcome.
func (l *outcomeList) unjudged() []string {
	return slices.DeleteFunc(slices.Clone(l.started), func(name string) bool {
		return slices.ContainsFunc(l.all, func(o *outcome) bool { return o.c.name == name })
	})
}

func (o *outcome) timeCell() string {
	d, ok := o.timeToVerdict()
	if !ok {
		return "never"
	}
	return seconds(d)
}

func (o *outcome) forecastCells() (text, left, off string) {
	s, remains := o.halfTime()
	percent, ok := o.forecastError()
	if !ok {
		return "none", seconds(remains), ""
	}
	text = fmt.Sprintf("%.0f s", s.Forecast.Seconds)
	if low, high := s.Forecast.LowSeconds, s.Forecast.HighSeconds; low != nil && high != nil {
		text += fmt.Sprintf(" (%.0f–%.0f)", *low, *high)
	}
	return text, seconds(remains), fmt.Sprintf("%+.0f %%", percent)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }

func confidence(s verdictAt) string {
	if s.Confidence == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", *s.Confidence)
}

// writeTable writes nothing for a table without rows.
func writeTable(w io.Writer, table [][]string) {
	if len(table) < 2 {
		return
	}
	for i, cells := range table {
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintln(w, strings.Repeat("|---", len(cells))+"|")
		}
	}
	fmt.Fprintln(w)
}

// recording describes a recorded history.
type recording struct {
	File      string `json:"file"`
	Case      string `json:"case"`
	JVM       string `json:"jvm"`
	LookAlike bool   `json:"look_alike"`
	Verdict   string `json:"verdict"` // the expected one
	Subject   string `json:"subject,omitempty"`
	// Start is the start of the leak. End is the time of the OOM kill or the exit of the
	// JVM, up to some seconds after the last sample; nil if neither happened.
	Start time.Time  `json:"start"`
	End   *time.Time `json:"end"`
}

func (l *outcomeList) record(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var index []recording
	for _, o := range l.all {
		if o.history == nil {
			return fmt.Errorf("%s: no history was recorded", o.c.name)
		}
		r := recording{
			File: fileName(o.c.name) + ".json.gz", Case: o.c.name, JVM: o.c.jvm(), LookAlike: o.c.lookAlike,
			Verdict: o.c.verdict, Subject: o.c.subject, Start: o.start().UTC(),
		}
		if o.c.lasts == 0 {
			end := o.end.UTC()
			r.End = &end
		}
		if err := writeGzip(filepath.Join(dir, r.File), o.history); err != nil {
			return err
		}
		index = append(index, r)
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "recordings.json"), append(text, '\n'), 0o644)
}

func fileName(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	return strings.Join(words, "-")
}

func writeGzip(path string, text []byte) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o644)
}
