package page

import (
	"encoding/json"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// tablesName is the script that is generated from the Go tables: no row, colour or name
// of a series is written twice.
const tablesName = "tables.js"

// tableRow is a row for the scripts; package rows documents the fields.
type tableRow struct {
	ID      rows.Name    `json:"id"`
	Name    string       `json:"name"`
	About   string       `json:"about"`
	Color   string       `json:"color"`
	Pattern rows.Pattern `json:"pattern,omitempty"`
	Ink     string       `json:"ink,omitempty"`
	Label   string       `json:"label,omitempty"`
	Dark    *shades      `json:"dark,omitempty"`
}

type shades struct {
	Color string `json:"color"`
	Ink   string `json:"ink"`
	Label string `json:"label,omitempty"`
}

// state is how a verdict that is no leak is shown: page.css has the colours of the tones.
type state struct {
	Tone  string `json:"tone"`
	Label string `json:"label,omitempty"` // empty: the name of the verdict says it
}

var labels = map[rows.Verdict]string{
	rows.VerdictLimitThrash: "Thrashing at the limit", rows.VerdictUnresponsive: "JVM does not respond",
	rows.VerdictBudget: "Settings do not fit", rows.VerdictRetained: "Memory retained",
}

func tone(v rows.Verdict) string {
	switch {
	case v == rows.VerdictNone, v == rows.VerdictPageCache:
		return "good"
	case v == rows.VerdictNotEnoughHistory:
		return "wait"
	case v.Urgent() && v != rows.VerdictNotObservable:
		return "bad"
	}
	return "warn"
}

// tables returns the script: the rows from the bottom of the stack up, the
// verdicts that are no leaks, and the names of the series that the scripts use.
func tables() []byte {
	var list []tableRow
	for _, r := range rows.Stacked() {
		row := tableRow{ID: r.Name, Name: r.Title, About: r.About, Color: r.Style.Color, Pattern: r.Style.Pattern, Ink: r.Style.Ink, Label: r.Style.Label}
		if d := r.Style.Dark; d != nil {
			row.Dark = &shades{d.Color, d.Ink, d.Label}
		}
		list = append(list, row)
	}
	series := map[string]string{
		"row": history.Row(""), "pool": history.PrefixPool,
		"usage": history.Usage, "limit": history.Limit, "threads": history.Threads, "classes": history.Classes,
		"unreclaimable": history.Unreclaimable, "generation": history.JVMGeneration,
		"old": history.OldUsed, "collections": history.OldCollections, "native": history.Detail(rows.Native, ""),
	}
	states := make(map[rows.Verdict]state)
	for _, v := range append(rows.States(), rows.VerdictNone, rows.VerdictNotEnoughHistory) {
		states[v] = state{tone(v), labels[v]}
	}
	script := []byte("// Generated from the tables in Go.\n")
	script = append(script, "export const rows = "+encode(list)+";\n"...)
	script = append(script, "export const states = "+encode(states)+";\n"...)
	return append(script, "export const names = "+encode(series)+";\n"...)
}

func encode(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return string(text)
}
