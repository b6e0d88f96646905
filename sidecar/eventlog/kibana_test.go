package eventlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// There is no Kibana and no Elasticsearch here. These tests check what needs none: that
// the files are JSON, that references lead somewhere, that the fields exist in lines
// which jvmem writes, and that the dashboard repeats the table of rows correctly.

const savedObjects = kibanaFolder + "saved-objects.ndjson"

type savedObject struct {
	ID                   string         `json:"id"`
	Type                 string         `json:"type"`
	Attributes           map[string]any `json:"attributes"`
	References           []reference    `json:"references"`
	CoreMigrationVersion string         `json:"coreMigrationVersion"`
	TypeMigrationVersion string         `json:"typeMigrationVersion"`
	Managed              bool           `json:"managed"`
}

type reference struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// readObjects returns the saved objects of the file, one a line.
func readObjects(t *testing.T) []savedObject {
	t.Helper()
	text, err := os.ReadFile(savedObjects)
	if err != nil {
		t.Fatal(err)
	}
	var all []savedObject
	for line := range strings.Lines(string(text)) {
		var o savedObject
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil || d.More() {
			t.Fatalf("not one object a line: %v: %.100s", err, line)
		}
		all = append(all, o)
	}
	return all
}

// expand replaces each text that holds a JSON object or list by what it holds: saved
// objects are JSON within JSON.
func expand(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = expand(t, v[key])
		}
	case []any:
		for i := range v {
			v[i] = expand(t, v[i])
		}
	case string:
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[{") {
			var inner any
			if err := json.Unmarshal([]byte(v), &inner); err != nil {
				t.Fatalf("%v: %.200s", err, v)
			}
			return expand(t, inner)
		}
	}
	return value
}

// visit calls f with each value that has a key, and with the key.
func visit(value any, f func(key string, value any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			f(key, below)
			visit(below, f)
		}
	case []any:
		for _, below := range v {
			visit(below, f)
		}
	}
}

// writtenFields are the fields of real lines.
func writtenFields(t *testing.T) map[string]bool {
	t.Helper()
	written := make(map[string]bool)
	for _, line := range realLines(t) {
		for name := range flatten(t, line) {
			written[name] = true
		}
	}
	return written
}

// queriedField is a field in a KQL query.
var queriedField = regexp.MustCompile(`([a-z@_]+(?:\.[a-z_]+)*)\s*(?:[:<>])`)

// TestSavedObjects: references lead to objects of the file, and each field that an
// object names is one that jvmem writes.
func TestSavedObjects(t *testing.T) {
	all, written := readObjects(t), writtenFields(t)
	for _, o := range all {
		if o.TypeMigrationVersion == "" || o.References == nil {
			t.Errorf("%s %s: no version or no references", o.Type, o.ID)
		}
		named := make(map[string]bool)
		for _, r := range o.References {
			found := slices.ContainsFunc(all, func(to savedObject) bool { return to.Type == r.Type && to.ID == r.ID })
			if !found || named[r.Name] {
				t.Errorf("%s %s: reference %+v leads nowhere, or is there twice", o.Type, o.ID, r)
			}
			named[r.Name] = true
		}
		fields := 0
		check := func(field any) {
			fields++
			if name := asText(field); name != "___records___" && !written[name] { // Lens' name for the number of documents
				t.Errorf("%s %s names %v, which no line has", o.Type, o.ID, field)
			}
		}
		visit(expand(t, o.Attributes), func(key string, value any) {
			switch key {
			case "sourceField", "fieldName", "sortField", "timeFieldName":
				check(value)
			case "query":
				for _, m := range queriedField.FindAllStringSubmatch(asText(value), -1) {
					check(m[1])
				}
			case "fieldFormatMap":
				for name := range value.(map[string]any) {
					check(name)
				}
			case "columns":
				if list, ok := value.([]any); ok {
					for _, column := range list {
						if name, ok := column.(string); ok { // of a saved search
							check(name)
						}
					}
				}
			}
		})
		if fields == 0 {
			t.Errorf("%s %s names no field", o.Type, o.ID)
		}
	}
}

// TestDataView: it is for the data streams of the index template, and each field with a
// unit has a format.
func TestDataView(t *testing.T) {
	var index struct {
		IndexPatterns []string `json:"index_patterns"`
	}
	text, err := os.ReadFile(kibanaFolder + "index-template.json")
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := readObjects(t)
	view := all[slices.IndexFunc(all, func(o savedObject) bool { return o.Type == "index-pattern" })]
	if view.Attributes["title"] != index.IndexPatterns[0] {
		t.Errorf("the data view is for %v, the template for %v", view.Attributes["title"], index.IndexPatterns)
	}
	formats := expand(t, view.Attributes["fieldFormatMap"]).(map[string]any)
	for name, p := range newMapper(t).fields {
		format, _ := formats[name].(map[string]any)
		if want := map[string]string{"byte": "bytes", "percent": "percent", "s": "duration"}[p.Meta["unit"]]; asText(format["id"]) != want {
			t.Errorf("%s is formatted as %q, want %q", name, asText(format["id"]), want)
		}
	}
}

// TestDashboardRows: the panel of the rows has those of the table in the order of
// pictures, with their titles and colours. -update writes them into the file.
func TestDashboardRows(t *testing.T) {
	all := readObjects(t)
	board := &all[slices.IndexFunc(all, func(o savedObject) bool { return o.Type == "dashboard" })]
	var panels []map[string]any
	if err := json.Unmarshal([]byte(asText(board.Attributes["panelsJSON"])), &panels); err != nil {
		t.Fatal(err)
	}
	panel := panels[slices.IndexFunc(panels, func(p map[string]any) bool { return p["panelIndex"] == "rows" })]
	state := below(panel, "embeddableConfig", "attributes", "state")
	layer := below(state, "datasourceStates", "formBased", "layers", "rows")
	columns := map[string]any{"rows-0": below(layer, "columns", "rows-0")} // time
	order, accessors, colors := []any{"rows-0"}, []any{}, []any{}
	for i, row := range rows.Stacked() {
		id := fmt.Sprintf("rows-%d", i+1)
		columns[id] = map[string]any{
			"operationType": "average", "sourceField": "jvmem.row_bytes." + string(row.Name), "label": row.Title, "customLabel": true,
			"dataType": "number", "isBucketed": false, "scale": "ratio", "params": map[string]any{"emptyAsNull": true},
		}
		order, accessors = append(order, id), append(accessors, id)
		colors = append(colors, map[string]any{"forAccessor": id, "color": row.Style.Flat(), "axisMode": "left"})
	}
	areas := below(state, "visualization")["layers"].([]any)[0].(map[string]any)
	same := reflect.DeepEqual(layer["columns"], columns) && reflect.DeepEqual(layer["columnOrder"], order) &&
		reflect.DeepEqual(areas["accessors"], accessors) && reflect.DeepEqual(areas["yConfig"], colors)
	if *update && !same {
		layer["columns"], layer["columnOrder"], areas["accessors"], areas["yConfig"] = columns, order, accessors, colors
		board.Attributes["panelsJSON"] = strings.TrimSpace(encode(t, panels))
		var text strings.Builder
		for _, o := range all {
			text.WriteString(encode(t, o))
		}
		if err := os.WriteFile(savedObjects, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !same {
		t.Errorf("the panel of the rows differs from the table (go test -update writes it)")
	}
}

// below returns the object below the keys.
func below(object map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		object, _ = object[key].(map[string]any)
	}
	return object
}

func encode(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPipelines: the pipelines are JSON with processors of one kind each, and name
// fields that are in the template.
func TestPipelines(t *testing.T) {
	m := newMapper(t)
	for _, file := range []string{"pipeline.json", "pipeline-elastic-agent.json"} {
		var p struct {
			Description string
			Processors  []map[string]map[string]any
			Version     int
			Meta        map[string]string `json:"_meta"`
		}
		decodeFile(t, file, &p)
		if len(p.Processors) == 0 {
			t.Errorf("%s has no processors", file)
		}
		for _, step := range p.Processors {
			if len(step) != 1 {
				t.Errorf("%s: %d kinds in one step", file, len(step))
			}
			for kind, s := range step {
				if !slices.Contains([]string{"json", "dot_expander", "set", "remove", "pipeline"}, kind) {
					t.Errorf("%s: processor %s", file, kind)
				}
				if kind == "pipeline" && s["name"] != "jvmem" { // as docs/kibana.md calls it
					t.Errorf("%s hands on to %v", file, s["name"])
				}
				for _, key := range []string{"field", "copy_from"} {
					name := asText(s[key])
					if _, _, ok := m.find(name, ""); !ok && name != "" && name != "_index" {
						t.Errorf("%s: %s %s is not in the template", file, key, name)
					}
				}
			}
		}
	}
}
