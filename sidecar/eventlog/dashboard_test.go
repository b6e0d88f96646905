package eventlog

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// The saved objects of Kibana are JSON within JSON: nobody should write that by
// hand. They are made here, `go test ./sidecar/eventlog -update` writes the file, and
// kibana_test.go checks it without knowing how it was made. The form is that of
// Kibana's own sample data (src/platform/plugins/shared/home/server/services/sample_data).

const (
	dataViewID  = "jvmem-logs"
	searchID    = "jvmem-events"
	dashboardID = "jvmem-memory"
)

type savedObject struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Attributes map[string]any `json:"attributes"`
	References []reference    `json:"references"`
	// The versions say which migrations Kibana has still to do.
	CoreMigrationVersion string `json:"coreMigrationVersion"`
	TypeMigrationVersion string `json:"typeMigrationVersion"`
	Managed              bool   `json:"managed"`
}

type reference struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Fields that tell whose line it is.
const (
	podField       = "orchestrator.resource.name"
	namespaceField = "orchestrator.namespace"
	containerField = "jvmem.container.name"
)

// The datasets, and what of them.
const (
	breakdowns = `event.dataset : "jvmem.breakdown"`
	suspected  = breakdowns + ` and jvmem.verdict.name : * and not jvmem.verdict.name : ("none" or "not_enough_history" or "page_cache")`
	kills      = `event.dataset : "jvmem.oom" and jvmem.oom.kind : ("oom_kill" or "oom_kill_other" or "java_out_of_memory")`
	events     = `event.dataset : ("jvmem.diagnosis" or "jvmem.oom")`
)

func embedded(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

func kql(query string) map[string]any { return map[string]any{"language": "kuery", "query": query} }

// dataView has a formatter for each field with a unit.
func dataView(m *mapper) savedObject {
	formats := make(map[string]any)
	for name, p := range m.fields {
		switch p.Meta["unit"] {
		case "byte":
			formats[name] = map[string]any{"id": "bytes", "params": map[string]any{"pattern": "0,0.[0] b"}}
		case "percent":
			formats[name] = map[string]any{"id": "percent", "params": map[string]any{"pattern": "0,0.[0]%"}}
		case "s":
			formats[name] = map[string]any{"id": "duration", "params": map[string]any{"inputFormat": "seconds", "outputFormat": "humanizePrecise", "outputPrecision": 1, "useShortSuffix": true}}
		}
	}
	return savedObject{ID: dataViewID, Type: "index-pattern", References: []reference{}, CoreMigrationVersion: "8.8.0", TypeMigrationVersion: "7.11.0", Attributes: map[string]any{
		"title": "logs-jvmem.*-*", "name": "jvmem", "timeFieldName": "@timestamp",
		"fieldFormatMap": embedded(formats), "fields": "[]", "fieldAttrs": "{}", "runtimeFieldMap": "{}", "sourceFilters": "[]", "typeMeta": "{}",
	}}
}

// search lists what happened: verdicts that came and went, and ends.
func search() savedObject {
	const index = "kibanaSavedObjectMeta.searchSourceJSON.index"
	return savedObject{ID: searchID, Type: "search", CoreMigrationVersion: "8.8.0", TypeMigrationVersion: "7.9.3",
		References: []reference{{"index-pattern", dataViewID, index}}, Attributes: map[string]any{
			"title": "[jvmem] Verdicts and ends", "description": "What was suspected, and how JVMs ended", "hits": 0, "version": 1,
			"columns": []string{namespaceField, podField, containerField, "event.action", "message"}, "sort": [][]string{{"@timestamp", "desc"}},
			"kibanaSavedObjectMeta": map[string]any{"searchSourceJSON": embedded(map[string]any{
				"highlightAll": true, "version": true, "query": kql(events), "filter": []any{}, "indexRefName": index,
			})},
		}}
}

// dashboard has the panels from the question to its answer: is anything the matter,
// where, since when, and what was it.
func dashboard(m *mapper) savedObject {
	d := savedObject{ID: dashboardID, Type: "dashboard", CoreMigrationVersion: "8.8.0", TypeMigrationVersion: "8.7.0"}
	var panels []map[string]any
	add := func(id, title string, x, y, w, h int, p map[string]any, refs ...reference) {
		p["version"], p["panelIndex"], p["title"] = "8.11.0", id, title
		p["gridData"] = map[string]any{"x": x, "y": y, "w": w, "h": h, "i": id}
		panels = append(panels, p)
		for _, r := range refs {
			r.Name = id + ":" + r.Name
			d.References = append(d.References, r)
		}
	}
	lens := func(id, title string, x, y, w, h int, l lensPanel) {
		add(id, title, x, y, w, h, l.panel(m), l.references()...)
	}
	lens("watched", "Containers watched", 0, 0, 12, 6, tile(breakdowns, column{Operation: "unique_count", Field: "jvmem.container.id", Label: "containers"}))
	lens("suspected", "With a suspicion", 12, 0, 12, 6, tile(suspected, column{Operation: "unique_count", Field: "jvmem.container.id", Label: "containers"}))
	lens("soonest", "The first limit is reached in", 24, 0, 12, 6, tile(suspected, column{Operation: "min", Field: "jvmem.verdict.seconds_to_limit", Label: "at this rate"}))
	lens("killed", "Ends for lack of memory", 36, 0, 12, 6, tile(kills, column{Operation: "count", Field: records, Label: "kills"}))
	lens("rows", "Memory by row against the limit (choose one pod above; of several it is the average)", 0, 6, 48, 16, memoryByRow())
	lens("unreclaimable", "What the kernel cannot take back, by pod", 0, 22, 24, 13, byPod("jvmem.unreclaimable_bytes"))
	lens("growth", "Growth by pod, bytes an hour", 24, 22, 24, 13, byPod("jvmem.verdict.growth_bytes_per_hour"))
	lens("verdicts", "Verdicts", 0, 35, 48, 12, table(suspected, []string{namespaceField, podField, containerField},
		last("verdict", "jvmem.verdict.name"), last("what of it", "jvmem.verdict.subject"), last("growth an hour", "jvmem.verdict.growth_bytes_per_hour"),
		last("limit reached in", "jvmem.verdict.seconds_to_limit"), last("confidence", "jvmem.verdict.confidence"),
		last("cannot be reclaimed", "jvmem.unreclaimable_bytes"), last("limit", "jvmem.limit_bytes")))
	lens("autopsies", "Autopsies", 0, 47, 48, 12, table(kills, []string{namespaceField, podField, containerField, "jvmem.oom.kind", "jvmem.oom.cause"},
		column{Operation: "count", Field: records, Label: "times"}, last("last", "@timestamp"), last("what of it", "jvmem.oom.subject"),
		last("usage before", "jvmem.usage_bytes"), last("limit", "jvmem.limit_bytes"), last("heap before", "jvmem.row_bytes.heap"), last("native before", "jvmem.row_bytes.native")))
	add("events", "Verdicts and ends, in words", 0, 59, 48, 15, map[string]any{"type": "search", "panelRefName": "panel_events", "embeddableConfig": map[string]any{"enhancements": map[string]any{}}},
		reference{"search", searchID, "panel_events"})

	controls := make(map[string]any)
	for i, c := range [][2]string{{"Namespace", namespaceField}, {"Pod", podField}, {"Container", containerField}} {
		id := "control-" + c[1]
		controls[id] = map[string]any{"order": i, "width": "medium", "grow": true, "type": "optionsListControl", "explicitInput": map[string]any{
			"id": id, "title": c[0], "fieldName": c[1], "selectedOptions": []string{}, "enhancements": map[string]any{}}}
		d.References = append(d.References, reference{"index-pattern", dataViewID, "controlGroup_" + id + ":optionsListDataView"})
	}
	d.Attributes = map[string]any{
		"title": "[jvmem] Memory of JVM containers", "description": "Where every byte goes, what grows, and why it was killed", "version": 1, "hits": 0,
		"timeRestore": true, "timeFrom": "now-24h", "timeTo": "now", "refreshInterval": map[string]any{"pause": true, "value": 60000},
		"optionsJSON":           embedded(map[string]any{"useMargins": true, "syncColors": false, "syncCursor": true, "syncTooltips": false, "hidePanelTitles": false}),
		"panelsJSON":            embedded(panels),
		"kibanaSavedObjectMeta": map[string]any{"searchSourceJSON": embedded(map[string]any{"query": kql(""), "filter": []any{}})},
		"controlGroupInput": map[string]any{"controlStyle": "oneLine", "chainingSystem": "HIERARCHICAL", "panelsJSON": embedded(controls),
			"ignoreParentSettingsJSON": embedded(map[string]bool{"ignoreFilters": false, "ignoreQuery": false, "ignoreTimerange": false, "ignoreValidations": false})},
	}
	return d
}

// TestSavedObjectsFile: the file is what is made here.
func TestSavedObjectsFile(t *testing.T) {
	const path = kibanaFolder + "saved-objects.ndjson"
	var b bytes.Buffer
	m := newMapper(t)
	for _, o := range []savedObject{dataView(m), search(), dashboard(m)} {
		b.WriteString(embedded(o) + "\n")
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, b.Bytes()) {
		t.Errorf("%s is not what is made here (go test -update writes it): %v", path, err)
	}
}
