package jvm

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"été-thread":           "été-thread",
		"a\n\x1b[31m'":         `a\n\x1b[31m'`,
		"b\u202ec":             `b\u202ec`,
		"\xff\x00":             `\ufffd\x00`,
		"0123456789ab":         "0123456789ab",
		"0123456789abc":        "0123456789ab…",
		"0123456789a\n":        "0123456789a…",
		strings.Repeat("é", 7): "éééééé…",
	} {
		if got := Printable(text, 12); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
