package jvm

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of names and of the reasons of failed sources.
const (
	maxTextBytes   = 100
	maxReasonBytes = 1000
)

// Printable returns a text that an application chose, fit for people: at most maxBytes
// of it, with characters that are not printable escaped. So it cannot end a line, color
// a terminal, or reverse the direction of text.
func Printable(text string, maxBytes int) string {
	unprintable := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if len(text) <= maxBytes && strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		s := string(r)
		if r == utf8.RuneError {
			s = `\ufffd`
		} else if unprintable(r) {
			s = strings.Trim(strconv.QuoteRune(r), "'")
		}
		if b.Len()+len(s) > maxBytes {
			return b.String() + "…"
		}
		b.WriteString(s)
	}
	return b.String()
}

// clean makes all texts printable that the JVM reported. What replied may be no JVM.
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
}
