package evidence

import (
	"fmt"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// CheckRoom returns an error if a container has no room for a recording.
func CheckRoom(of *breakdown.Container) error {
	if of.Limited != nil && !*of.Limited {
		return nil
	}
	unreclaimable := rows.Unreclaimable(of.UsageBytes, of.ReclaimableBytes)
	if of.LimitBytes == nil || unreclaimable == nil {
		return fmt.Errorf("no recording: it is unknown how near the limit is, and JFR makes the JVM use 12 to 31 MiB for good")
	}
	if room := *of.LimitBytes - *unreclaimable; room < evidence.RecordingBytes {
		return fmt.Errorf("no recording: JFR makes the JVM use 12 to 31 MiB for good, and only %s are left to the limit", breakdown.Size(&room))
	}
	return nil
}

// whatLeaks names what a line does, and what is counted, by kind.
var whatLeaks = map[cause.Kind][2]string{
	cause.Threads:       {"started by", "threads that stay"},
	cause.ClassLoader:   {"defined by", "classes"},
	cause.Heap:          {"allocated by", "objects that stay"},
	cause.DirectBuffers: {"allocated by", "buffers that stay"},
	cause.MappedFiles:   {"mapped by", "mappings that stay"},
	cause.Zip:           {"created by", "Deflaters and Inflaters that stay"},
	cause.Sockets:       {"opened by", "sockets that stay"},
}

// CauseLines describes what a recording shows.
func CauseLines(f *cause.Finding) []string {
	what := whatLeaks[f.Kind]
	counted := what[1]
	if f.Sampled {
		counted = "sampled " + counted
	}
	var lines []string
	for i, c := range f.Causes {
		line := fmt.Sprintf("%s %s, %d of %d %s (%.0f %%)", what[0], c.Line, c.Count, f.Total, counted, 100*c.Share)
		if i > 0 {
			line = "also " + line
		}
		if c.What != "" {
			line += ": " + c.What
		}
		if c.HeldBy != "" {
			line += ", held by " + c.HeldBy
		}
		lines = append(lines, jvm.Printable(line, maxLineBytes))
		if i == 0 {
			for _, frame := range c.Stack[:min(len(c.Stack), maxStackLines)] {
				lines = append(lines, "  at "+jvm.Printable(frame, maxLineBytes))
			}
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

const (
	maxLineBytes  = 500
	maxStackLines = 8
)
