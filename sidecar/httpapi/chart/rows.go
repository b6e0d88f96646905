package chart

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
)

// look is how a row is drawn: a colour, and lines or dots in another one for those
// that share their hue.
type look struct {
	row     breakdown.RowName
	name    string
	color   string
	pattern string // "", "up", "down" or "dots"
	ink     string
}

// looks are all rows, from the ground up: what the kernel can take back is on
// top. The page has the same (page/static/rows.js).
var looks = []look{
	{breakdown.Heap, "heap", "#0072b2", "", ""},
	{breakdown.Metaspace, "metaspace", "#56b4e9", "", ""},
	{breakdown.ThreadStacks, "threads", "#e69f00", "", ""},
	{breakdown.CodeCache, "code cache", "#009e73", "", ""},
	{breakdown.GC, "gc", "#f0e442", "", ""},
	{breakdown.Native, "native", "#d55e00", "", ""},
	{breakdown.Libraries, "libraries", "#cc79a7", "", ""},
	{breakdown.OtherProcesses, "other processes", "#9bd0f0", "up", "#0072b2"},
	{breakdown.Shmem, "shmem", "#ebc6da", "down", "#a0487a"},
	{breakdown.Kernel, "kernel", "#7a828c", "", ""},
	{history.Unattributed, "unattributed", "#ffffff", "up", "#7a828c"},
	{breakdown.MappedFiles, "mapped files", "#8fd6bf", "dots", "#00735a"},
	{breakdown.PageCache, "page cache", "#e3e7eb", "dots", "#9aa4ae"},
}

// fill is what the row is filled with.
func (l *look) fill() string {
	if l.pattern == "" {
		return l.color
	}
	return "url(#jvmem-" + string(l.row) + ")"
}

// define writes the patterns.
func define(b *strings.Builder) {
	b.WriteString("<defs>\n")
	for i := range looks {
		l := &looks[i]
		ink := ""
		switch l.pattern {
		case "up":
			ink = fmt.Sprintf(`<path d="M-2 2 2 -2M0 8 8 0M6 10 10 6" stroke="%s" stroke-width="1.5"/>`, l.ink)
		case "down":
			ink = fmt.Sprintf(`<path d="M-2 6 2 10M0 0 8 8M6 -2 10 2" stroke="%s" stroke-width="1.5"/>`, l.ink)
		case "dots":
			ink = fmt.Sprintf(`<circle cx="2" cy="2" r="1" fill="%[1]s"/><circle cx="6" cy="6" r="1" fill="%[1]s"/>`, l.ink)
		default:
			continue
		}
		fmt.Fprintf(b, `<pattern id="jvmem-%s" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="%s"/>%s</pattern>`+"\n", l.row, l.color, ink)
	}
	b.WriteString("</defs>\n")
}
