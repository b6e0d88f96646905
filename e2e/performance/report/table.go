package report

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Table is a table whose first column has names.
type Table struct {
	Head []string
	Rows [][]string
}

// Add adds a row; missing cells at the end are empty.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// String returns the table in Markdown, padded so that it is readable as text. The first
// column is left-aligned, the others are right-aligned.
func (t *Table) String() string {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var out strings.Builder
	line := func(cells []string) {
		for i, width := range widths {
			cell := ""
			if i < len(cells) {
				cell = cells[i]
			}
			space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&out, "| %s%s ", cell, space)
			} else {
				fmt.Fprintf(&out, "| %s%s ", space, cell)
			}
		}
		out.WriteString("|\n")
	}
	line(t.Head)
	rule := []string{strings.Repeat("-", widths[0])}
	for _, width := range widths[1:] {
		rule = append(rule, strings.Repeat("-", width-1)+":")
	}
	line(rule)
	for _, row := range t.Rows {
		line(row)
	}
	return out.String()
}

// Number formats three significant digits: 12,300, 1.23, 0.00123.
func Number(x float64) string {
	if x == 0 || math.IsNaN(x) {
		return fmt.Sprint(x)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(x))))
	scale := math.Pow(10, float64(digits))
	x = math.Round(x*scale) / scale
	text := fmt.Sprintf("%.*f", max(digits, 0), x)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	whole, rest, _ := strings.Cut(text, ".")
	sign := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if sign {
		whole = "-" + whole
	}
	if rest != "" {
		whole += "." + rest
	}
	return whole
}

// Met formats whether a goal was met.
func Met(met bool) string {
	if met {
		return "met"
	}
	return "**not met**"
}
