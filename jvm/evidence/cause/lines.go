package cause

import (
	"fmt"
	"time"

	"github.com/jvmem/jvmem/jvm"
)

const (
	maxLineBytes  = 500
	maxStackLines = 8
)

// words are what a line does, and what is counted, by kind.
var words = map[Kind][2]string{
	Threads:       {"started by", "threads that stay"},
	ClassLoader:   {"defined by", "classes"},
	Heap:          {"allocated by", "objects that stay"},
	DirectBuffers: {"allocated by", "buffers that stay"},
	MappedFiles:   {"mapped by", "mappings that stay"},
	Zip:           {"created by", "Deflaters and Inflaters that stay"},
	Native:        {"allocated by", "buffers, Deflaters and Inflaters that stay"},
	Sockets:       {"opened by", "sockets that stay"},
}

// Sentence describes the line that leaks most; "" if none is named.
func (f *Finding) Sentence() string {
	if len(f.Causes) == 0 {
		return ""
	}
	return f.sentence(&f.Causes[0])
}

func (f *Finding) sentence(c *Cause) string {
	does, counted := words[f.Kind][0], words[f.Kind][1]
	if f.Sampled {
		counted = "sampled " + counted
	}
	text := fmt.Sprintf("%s %s, %d of %d %s (%.0f %%)", does, c.Line, c.Count, f.Total, counted, 100*c.Share)
	if c.GainedBytes > 0 {
		text = fmt.Sprintf("%s %s, %.1f of %.1f MiB that the live objects gained (%.0f %%)", does, c.Line, mib(c.GainedBytes), mib(f.GainedBytes), 100*c.Share)
	}
	if c.What != "" {
		text += ": " + c.What
	}
	if c.HeldBy != "" {
		text += ", held by " + c.HeldBy
	}
	return jvm.Printable(text, maxLineBytes)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// Lines describes the finding for people: first the Sentence, or why there is none.
func (f *Finding) Lines() []string {
	var lines []string
	for i := range f.Causes {
		if i > 0 {
			lines = append(lines, "also "+f.sentence(&f.Causes[i]))
			continue
		}
		lines = append(lines, f.Sentence())
		for _, frame := range f.Causes[0].Stack[:min(len(f.Causes[0].Stack), maxStackLines)] {
			lines = append(lines, "  at "+jvm.Printable(frame, maxLineBytes))
		}
	}
	if len(f.Causes) == 0 {
		lines = append(lines, "no line of code is named: "+f.Reason)
	}
	lines = append(lines, fmt.Sprintf("seen by %s from %s for %s", f.Seen, f.From.UTC().Format(time.RFC3339), f.To.Sub(f.From).Round(time.Second)))
	for _, note := range f.Notes {
		lines = append(lines, "note: "+note)
	}
	return lines
}
