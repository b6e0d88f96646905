package diagnosis

import (
	"fmt"
	"strings"
	"time"
)

// Counted reports whether the measure is a count: of threads, or classes. Otherwise it is
// in bytes.
func (i *Incident) Counted() bool { return i.unit().many == inPieces().many }

// Text describes the incident in a line.
func (i *Incident) Text() string {
	return i.phrase() + ", " + i.text()
}

// phrase is what leaks, or may leak.
func (i *Incident) phrase() string {
	if i.State == Suspected && i.Uncollected {
		return "the old generation of the Java heap grows"
	}
	return Phrase(i.Verdict, i.Subject)
}

// course returns the times of an incident, for a terminal.
func (i *Incident) course() string {
	var b strings.Builder
	fmt.Fprintf(&b, "growing since %s, suspected %s", i.Since.UTC().Format(time.RFC3339), i.Opened.UTC().Format(time.RFC3339))
	for _, step := range []struct {
		name string
		at   *time.Time
	}{{"confirmed", i.Confirmed}, {"last growth", &i.LastGrowth}, {"closed", i.Closed}} {
		if step.at != nil {
			b.WriteString(", " + step.name + " " + step.at.UTC().Format(time.RFC3339))
		}
	}
	return b.String()
}
