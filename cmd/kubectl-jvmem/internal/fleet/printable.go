package fleet

import (
	"strings"
	"unicode"
)

// Printable returns text without characters that a terminal would obey or that break a
// table, cut to at most so many characters: pods choose their names of threads.
func Printable(text string, most int) string {
	text = without(text, "")
	if cut := []rune(text); len(cut) > most {
		return string(cut[:most-1]) + "…"
	}
	return text
}

// Lines returns a text of several lines without characters that a terminal would obey: what
// occupies the sidecar's port replies in its place.
func Lines(text string) string { return without(text, "\n\t") }

// without replaces characters that are not printable, but for some.
func without(text, keep string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) {
			return '?'
		}
		return r
	}, text)
}
