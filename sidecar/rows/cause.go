package rows

import (
	"cmp"
	"iter"
)

// CauseOf returns the cause that growth of a row stands for, most of it in a detail ("": in
// an unknown one). It has no verdict if growth is harmless, or the row unknown.
func CauseOf(name Name, detail string) Cause {
	row, _ := Of(name)
	for _, d := range row.Details {
		if d.Name == detail {
			return Cause{cmp.Or(d.Verdict, row.Verdict), cmp.Or(d.Subject, row.Subject)}
		}
	}
	return row.Cause
}

// Part is a row, or a detail of one.
type Part struct {
	Row    Name
	Detail string // "": the whole row
	Cause
}

// Judged returns the parts whose growth is judged, in the order of the table. If details
// of a row have a verdict, they are judged and not the row: the others may be harmless.
func Judged() []Part {
	var all []Part
	for i := range table {
		row := &table[i]
		before := len(all)
		for _, d := range row.Details {
			if d.Verdict != "" {
				all = append(all, Part{row.Name, d.Name, d.Cause})
			}
		}
		if len(all) == before && row.Verdict != "" {
			all = append(all, Part{Row: row.Name, Cause: row.Cause})
		}
	}
	return all
}

// RowOf returns the row that a verdict with this subject is about; "" if none.
func RowOf(v Verdict, subject string) Name {
	var found Name
	for a, name := range causes() {
		switch {
		case a.Verdict != v:
		case a.Subject != "" && a.Subject == subject:
			return name
		case a.Subject == "" && found == "":
			found = name
		}
	}
	return found
}

// causes yields the cause of each row and detail that has a verdict, with the row.
func causes() iter.Seq2[Cause, Name] {
	return func(yield func(Cause, Name) bool) {
		for i := range table {
			row := &table[i]
			if row.Verdict != "" && !yield(row.Cause, row.Name) {
				return
			}
			for _, d := range row.Details {
				if d.Verdict != "" && !yield(d.Cause, row.Name) {
					return
				}
			}
		}
	}
}
