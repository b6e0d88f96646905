package chart

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// fill returns the fill attribute of a row.
func fill(row *rows.Row) string {
	if row.Style.Pattern == "" {
		return row.Style.Color
	}
	return "url(#jvmem-" + string(row.Name) + ")"
}

// define writes the patterns of the rows.
func define(b *strings.Builder, stacked []rows.Row) {
	b.WriteString("<defs>\n")
	for i := range stacked {
		row := &stacked[i]
		ink := ""
		switch row.Style.Pattern {
		case rows.Rising:
			ink = fmt.Sprintf(`<path d="M-2 2 2 -2M0 8 8 0M6 10 10 6" stroke="%s" stroke-width="1.5"/>`, row.Style.Ink)
		case rows.Falling:
			ink = fmt.Sprintf(`<path d="M-2 6 2 10M0 0 8 8M6 -2 10 2" stroke="%s" stroke-width="1.5"/>`, row.Style.Ink)
		case rows.Dotted:
			ink = fmt.Sprintf(`<circle cx="2" cy="2" r="1" fill="%[1]s"/><circle cx="6" cy="6" r="1" fill="%[1]s"/>`, row.Style.Ink)
		default:
			continue
		}
		back := row.Style.Color[:len("#rrggbb")] // without alpha: some viewers ignore it, and the background is white
		fmt.Fprintf(b, `<pattern id="jvmem-%s" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="%s"/>%s</pattern>`+"\n", row.Name, back, ink)
	}
	b.WriteString("</defs>\n")
}
