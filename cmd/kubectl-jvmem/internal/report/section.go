package report

import (
	"regexp"
	"strings"
)

var (
	// The first line about a container: of a breakdown or a diagnosis, and of an autopsy.
	sectionLine = regexp.MustCompile(`^(?:\S+Z  )?container ([^\s:]+)`)
	// The last line of a breakdown with several containers.
	summaryLine = regexp.MustCompile(`^Diagnosis of ([^\s:]+)`)
)

// only returns the parts of a text report that are about a container, and those that are
// about none.
func only(text, container string) string {
	if container == "" {
		return text
	}
	var b strings.Builder
	keep := true
	for line := range strings.Lines(text) {
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			keep = m[1] == container
		}
		if m := summaryLine.FindStringSubmatch(line); m != nil {
			keep = m[1] == container
		}
		if keep {
			b.WriteString(line)
		}
	}
	return b.String()
}
