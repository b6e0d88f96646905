package jvm

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxTextBytes bounds names, maxReasonBytes what is told of a failure.
	maxTextBytes   = 100
	maxReasonBytes = 1000
)

// Printable is text that an application chose, for people: at most maxBytes of it, and
// what is not to be seen is escaped. So it can end no line, color no terminal, and turn
// no text around.
func Printable(text string, maxBytes int) string {
	var b strings.Builder
	for _, r := range text {
		s := string(r)
		if r == utf8.RuneError {
			s = `\ufffd`
		} else if !unicode.IsPrint(r) {
			s = strings.Trim(strconv.QuoteRune(r), "'")
		}
		if b.Len()+len(s) > maxBytes {
			return b.String() + "…"
		}
		b.WriteString(s)
	}
	return b.String()
}

// clean makes all that the JVM told in words printable. Who answers may be no JVM.
func (f *Facts) clean() {
	for _, text := range []*string{&f.Version, &f.Collector, &f.NMT} {
		*text = Printable(*text, maxTextBytes)
	}
	for name, value := range f.Flags {
		if text, ok := value.(string); ok {
			f.Flags[name] = Printable(text, maxTextBytes)
		}
	}
	if f.Report != nil {
		for i := range f.Report.Categories {
			c := &f.Report.Categories[i]
			c.Name = Printable(c.Name, maxTextBytes)
		}
	}
	for i := range f.Threads.Pools {
		p := &f.Threads.Pools[i]
		p.Name = Printable(p.Name, maxTextBytes)
	}
	for i := range f.Sources {
		s := &f.Sources[i]
		s.Reason = Printable(strings.ReplaceAll(s.Reason, "\n", "; "), maxReasonBytes) // of several errors
	}
}
