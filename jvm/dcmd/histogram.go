package dcmd

import (
	"fmt"
	"strings"
)

// Histogram is one reply to GC.class_histogram.
type Histogram struct {
	// Classes are those whose objects take the most bytes, the largest first.
	Classes []ClassCount
	// Total is over all classes, without a name; nil if the end of the reply is
	// missing.
	Total *ClassCount
}

// ClassCount is the objects of one class.
type ClassCount struct {
	// Name as HotSpot has it, without the module: "[B" is byte[]. Classes of the
	// same name, of several loaders, have a row each.
	Name      string `json:"name,omitempty"`
	Instances int64  `json:"instances"`
	Bytes     int64  `json:"bytes"` // without what the objects refer to
}

// ParseHistogram parses one reply to GC.class_histogram: the first rows of it, and
// the total.
func ParseHistogram(text string, rows int) (Histogram, error) {
	var h Histogram
	for line := range strings.Lines(text) {
		if line[len(line)-1] != '\n' { // truncated
			break
		}
		if numbers, ok := strings.CutPrefix(line, "Total "); ok {
			if c, ok := parseClass(numbers); ok && c.Name == "" {
				h.Total = &c
			}
			continue
		}
		rank, numbers, ok := strings.Cut(line, ": ")
		if len(h.Classes) == rows || !ok || strings.Trim(rank, " 0123456789") != "" {
			continue
		}
		if c, ok := parseClass(numbers); ok && c.Name != "" {
			h.Classes = append(h.Classes, c)
		}
	}
	if len(h.Classes) == 0 {
		return Histogram{}, fmt.Errorf("parse GC.class_histogram: no class: %.80q", text)
	}
	return h, nil
}

// parseClass reads instances, bytes, and the class with its module, if any.
func parseClass(text string) (c ClassCount, ok bool) {
	if c.Instances, text, ok = number(text); !ok {
		return ClassCount{}, false
	}
	if c.Bytes, text, ok = number(text); !ok {
		return ClassCount{}, false
	}
	c.Name, _, _ = strings.Cut(strings.TrimSpace(text), " (")
	return c, true
}
