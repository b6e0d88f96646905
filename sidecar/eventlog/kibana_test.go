package eventlog

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// objects are the saved objects of the file, one a line.
func objects(t *testing.T) map[string]savedObject {
	t.Helper()
	text, err := os.ReadFile(kibanaFolder + "saved-objects.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]savedObject)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		var o savedObject
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil || d.More() {
			t.Fatalf("not one object a line: %v: %.100s", err, line)
		}
		key := o.Type + "/" + o.ID
		if _, twice := all[key]; twice || o.References == nil || o.TypeMigrationVersion == "" {
			t.Errorf("%s twice, or without references or version", key)
		}
		all[key] = o
	}
	return all
}

// unpack decodes a JSON text that an attribute holds.
func unpack(t *testing.T, o savedObject, path string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(asText(get(o.Attributes, path))), into); err != nil {
		t.Fatalf("%s of %s: %v", path, o.ID, err)
	}
}

// TestSavedObjects: they refer to each other and to fields that exist.
func TestSavedObjects(t *testing.T) {
	m := newMapper(t)
	all := objects(t)
	for key, o := range all {
		names := make(map[string]bool)
		for _, r := range o.References {
			if _, ok := all[r.Type+"/"+r.ID]; !ok || names[r.Name] {
				t.Errorf("%s refers to %+v, which is not there, or twice", key, r)
			}
			names[r.Name] = true
		}
	}
	view := all["index-pattern/"+dataViewID]
	var index struct {
		IndexPatterns []string `json:"index_patterns"`
	}
	text, err := os.ReadFile(kibanaFolder + "index-template.json")
	if err != nil || json.Unmarshal(text, &index) != nil || view.Attributes["title"] != index.IndexPatterns[0] || view.Attributes["timeFieldName"] != "@timestamp" {
		t.Errorf("the data view is for %v, the template for %v: %v", view.Attributes["title"], index.IndexPatterns, err)
	}
	var formats map[string]struct{ ID string }
	unpack(t, view, "fieldFormatMap", &formats)
	for name, format := range formats {
		if p := m.fields[name]; p.Type != "long" && p.Type != "float" {
			t.Errorf("%s is shown as %s, but is %q", name, format.ID, p.Type)
		}
	}
	for name, p := range m.fields {
		if want := map[string]string{"byte": "bytes", "percent": "percent", "s": "duration"}[p.Meta["unit"]]; formats[name].ID != want {
			t.Errorf("%s is shown as %q, want %q", name, formats[name].ID, want)
		}
	}

	found := all["search/"+searchID]
	var source map[string]any
	unpack(t, found, "kibanaSavedObjectMeta.searchSourceJSON", &source)
	lines := flatLines(t)
	events := matching(t, m, asText(get(source, "query.query")), lines)
	if source["indexRefName"] != found.References[0].Name || found.References[0].ID != dataViewID {
		t.Errorf("the search is of %v, references %v", source["indexRefName"], found.References)
	}
	for _, c := range found.Attributes["columns"].([]any) {
		checkWritten(t, "the search", c.(string), events)
	}
}

// checkWritten checks that what is shown of lines is in one of them.
func checkWritten(t *testing.T, who, field string, lines []map[string]any) {
	t.Helper()
	if !slices.ContainsFunc(lines, func(fields map[string]any) bool { return fields[field] != nil }) {
		t.Errorf("%s shows %s, which none of its %d lines has", who, field, len(lines))
	}
}

// lensState is what a Lens panel keeps.
type lensState struct {
	Title, Type       string
	VisualizationType string
	References        []reference
	State             struct {
		DatasourceStates struct {
			FormBased struct {
				Layers map[string]struct {
					Columns           map[string]map[string]any
					ColumnOrder       []string
					IncompleteColumns map[string]any
				}
			}
		}
		Visualization map[string]any
		Query         map[string]any
	}
}

// operations are the types that an operation of Lens takes.
var operations = map[string][]string{
	"date_histogram": {"date"}, "terms": {"keyword", "boolean", "long"}, "last_value": {"keyword", "boolean", "long", "float", "date"},
	"unique_count": {"keyword", "boolean", "long", "float", "date"},
	"average":      {"long", "float"}, "min": {"long", "float", "date"}, "max": {"long", "float", "date"}, "sum": {"long", "float"},
}

// TestDashboard: panels lie side by side, and each column does with its field what
// can be done with its type.
func TestDashboard(t *testing.T) {
	m := newMapper(t)
	d, lines := objects(t)["dashboard/"+dashboardID], flatLines(t)
	names := make(map[string]reference)
	for _, r := range d.References {
		names[r.Name] = r
	}
	var panels []struct {
		Type, PanelIndex, PanelRefName, Title, Version string
		GridData                                       struct {
			X, Y, W, H int
			I          string
		}
		EmbeddableConfig struct{ Attributes lensState }
	}
	unpack(t, d, "panelsJSON", &panels)
	taken := make(map[[2]int]string)
	for _, p := range panels {
		g := p.GridData
		if g.I != p.PanelIndex || g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 48 || p.Title == "" {
			t.Errorf("%s: %+v", p.PanelIndex, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.PanelIndex, other)
				}
				taken[[2]int{x, y}] = p.PanelIndex
			}
		}
		if p.Type == "search" {
			if r := names[p.PanelIndex+":"+p.PanelRefName]; r.Type != "search" || r.ID != searchID {
				t.Errorf("%s shows %+v", p.PanelIndex, r)
			}
			continue
		}
		l := &p.EmbeddableConfig.Attributes
		checkLens(t, m, p.PanelIndex, l, names, matching(t, m, asText(l.State.Query["query"]), lines))
	}
	var controls map[string]struct {
		Type          string
		ExplicitInput struct{ ID, FieldName string }
	}
	unpack(t, d, "controlGroupInput.panelsJSON", &controls)
	for id, c := range controls {
		if m.fields[c.ExplicitInput.FieldName].Type != "keyword" || c.ExplicitInput.ID != id || names["controlGroup_"+id+":optionsListDataView"].ID != dataViewID {
			t.Errorf("control %s: %+v", id, c)
		}
	}
	for _, attribute := range []string{"optionsJSON", "controlGroupInput.ignoreParentSettingsJSON", "kibanaSavedObjectMeta.searchSourceJSON"} {
		unpack(t, d, attribute, &map[string]any{})
	}
}

func checkLens(t *testing.T, m *mapper, id string, l *lensState, names map[string]reference, lines []map[string]any) {
	t.Helper()
	columns := make(map[string]bool)
	for layerID, layer := range l.State.DatasourceStates.FormBased.Layers {
		name := "indexpattern-datasource-layer-" + layerID
		if names[id+":"+name].ID != dataViewID || !slices.Contains(l.References, reference{"index-pattern", dataViewID, name}) {
			t.Errorf("%s: layer %s has no data view", id, layerID)
		}
		if len(layer.ColumnOrder) != len(layer.Columns) || len(layer.IncompleteColumns) > 0 {
			t.Errorf("%s: %v of %d columns", id, layer.ColumnOrder, len(layer.Columns))
		}
		metrics := false
		for _, columnID := range layer.ColumnOrder {
			c := layer.Columns[columnID]
			columns[layerID+"/"+columnID] = true
			operation, field := asText(c["operationType"]), asText(c["sourceField"])
			kind := m.fields[field].Type
			if operation == "count" && field == records {
				kind = "long"
			} else if checkWritten(t, id, field, lines); !slices.Contains(operations[operation], kind) {
				t.Errorf("%s: %s of %s, which is %q", id, operation, field, kind)
			}
			wantType := map[string]string{"keyword": "string", "boolean": "boolean", "date": "date"}[kind]
			if wantType == "" || operation == "unique_count" {
				wantType = "number"
			}
			if c["dataType"] != wantType {
				t.Errorf("%s: %s of %s gives %v, want %s", id, operation, field, c["dataType"], wantType)
			}
			bucketed := operation == "terms" || operation == "date_histogram"
			if bucketed != c["isBucketed"] || bucketed && metrics {
				t.Errorf("%s: %s is a bucket %v, after a metric %v", id, columnID, c["isBucketed"], metrics)
			}
			metrics = metrics || !bucketed
			if filter, ok := c["filter"]; ok {
				matching(t, m, asText(filter.(map[string]any)["query"]), lines)
			}
			if by := get(c, "params.orderBy.columnId"); by != nil && layer.Columns[by.(string)]["isBucketed"] != false {
				t.Errorf("%s: ordered by %v", id, by)
			}
		}
	}
	shown := 0
	check := func(layer, column any) {
		shown++
		if !columns[asText(layer)+"/"+asText(column)] {
			t.Errorf("%s shows %v of %v, which is not there", id, column, layer)
		}
	}
	v := l.State.Visualization
	switch l.VisualizationType {
	case "lnsMetric":
		check(v["layerId"], v["metricAccessor"])
	case "lnsDatatable":
		for _, c := range v["columns"].([]any) {
			check(v["layerId"], c.(map[string]any)["columnId"])
		}
	case "lnsXY":
		for _, layer := range v["layers"].([]any) {
			layer := layer.(map[string]any)
			check(layer["layerId"], layer["xAccessor"])
			if split, ok := layer["splitAccessor"]; ok {
				check(layer["layerId"], split)
			}
			for _, a := range layer["accessors"].([]any) {
				check(layer["layerId"], a)
			}
		}
	default:
		t.Errorf("%s: visualization %s", id, l.VisualizationType)
	}
	if shown != len(columns) {
		t.Errorf("%s shows %d of %d columns", id, shown, len(columns))
	}
}
