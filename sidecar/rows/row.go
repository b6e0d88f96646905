package rows

import "slices"

// Row describes a row.
type Row struct {
	Name  Name
	Title string // in pictures
	About string // what the row holds
	// Details are the details with a fixed name.
	Details []Detail
	// Reclaimable: the kernel can reclaim most of it, so a full container is not killed
	// because of it. Pictures draw these rows on top.
	Reclaimable bool
	// Sized: the budget check adds it up, as memory that the settings of a JVM lead to.
	// The heap counts there with its maximum.
	Sized bool
	// Cause is the verdict on sustained growth of the row.
	Cause
	Style Style
}

// Detail is a part of a row. Without a verdict of its own it has that of the row.
type Detail struct {
	Name string
	Cause
}

// Cause is a verdict on sustained growth. "": growth is harmless.
type Cause struct {
	Verdict Verdict
	Subject string // "": none, or found by the judge
}

// Style is how pictures draw a row. Rows of a similar colour differ by pattern.
type Style struct {
	Color   string  // an alpha of 00 shows the background
	Pattern Pattern // in Ink
	Ink     string
	Label   string // colour of text on it; "": none is written on it
	Dark    *Shades
}

// Flat returns a colour for pictures that draw no patterns, as those of Grafana and
// Kibana: a light shade of the ink where the colour is transparent.
func (s Style) Flat() string {
	if len(s.Color) > len("#rrggbb") {
		return s.Ink + "66"
	}
	return s.Color
}

// Shades replace the colours of a Style on a dark background.
type Shades struct{ Color, Ink, Label string }

// Pattern is drawn over a colour; "" is none.
type Pattern string

// The patterns.
const (
	Rising  Pattern = "up" // lines
	Falling Pattern = "down"
	Dotted  Pattern = "dots"
)

// All returns the rows in the order of a breakdown, Unattributed last.
func All() []Row { return slices.Clone(table) }

// Stacked returns the rows as pictures stack them, from the bottom up: what the kernel
// can reclaim is on top.
func Stacked() []Row {
	var all, top []Row
	for _, row := range table {
		if row.Reclaimable {
			top = append(top, row)
		} else {
			all = append(all, row)
		}
	}
	return append(all, top...)
}

// Of returns the row of that name.
func Of(name Name) (row Row, ok bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}
