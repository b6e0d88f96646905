package fleet

import (
	"strings"
	"unicode"
)

// Printable returns text without characters that a terminal would obey or that break a
// table, cut to at most so many characters: pods choose their names of threads.
func Printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if cut := []rune(text); len(cut) > most {
		return string(cut[:most-1]) + "…"
	}
	return text
}
