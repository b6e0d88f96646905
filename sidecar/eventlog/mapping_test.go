package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The mapper compares fields of lines with fields of the component template, by the rules
// of elastic.co/docs/reference/elasticsearch/mapping-reference. It is not Elasticsearch:
// whether Elasticsearch accepts the template itself has not been tried.

const kibanaFolder = "../../docs/kibana/"

// property is a field of a mapping, or an object with fields.
type property struct {
	Type        string              `json:"type,omitempty"`
	IgnoreAbove int                 `json:"ignore_above,omitempty"`
	Meta        map[string]string   `json:"meta,omitempty"`
	Properties  map[string]property `json:"properties,omitempty"`
}

// dynamicTemplate is the rule for a field that no property has.
type dynamicTemplate struct {
	PathMatch        string   `json:"path_match"`
	MatchMappingType string   `json:"match_mapping_type"`
	Mapping          property `json:"mapping"`
}

// componentTemplate has all fields of the file: decoding is strict.
type componentTemplate struct {
	Template struct {
		Mappings struct {
			DateDetection    bool                         `json:"date_detection"`
			NumericDetection bool                         `json:"numeric_detection"`
			DynamicTemplates []map[string]dynamicTemplate `json:"dynamic_templates"`
			Properties       map[string]property          `json:"properties"`
		} `json:"mappings"`
	} `json:"template"`
	Version int               `json:"version"`
	Meta    map[string]string `json:"_meta"`
}

// mapper is the mapping of an index.
type mapper struct {
	fields  map[string]property // with types, by their names with dots
	objects map[string]bool
	dynamic []dynamicTemplate
}

func decodeFile(t *testing.T, name string, into any) {
	t.Helper()
	file, err := os.Open(kibanaFolder + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := json.NewDecoder(file)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func newMapper(t *testing.T) *mapper {
	t.Helper()
	var c componentTemplate
	decodeFile(t, "component-template.json", &c)
	m := &mapper{fields: make(map[string]property), objects: make(map[string]bool)}
	m.add("", c.Template.Mappings.Properties)
	for _, named := range c.Template.Mappings.DynamicTemplates {
		for _, d := range named {
			m.dynamic = append(m.dynamic, d)
		}
	}
	return m
}

func (m *mapper) add(prefix string, properties map[string]property) {
	for name, p := range properties {
		if p.Type == "" || p.Type == "object" {
			m.objects[prefix+name] = true
			m.add(prefix+name+".", p.Properties)
			continue
		}
		m.fields[prefix+name] = p
	}
}

// find returns the mapping of a field. jsonType is the type that Elasticsearch detects for
// the value of an unmapped field; "": there is no value.
func (m *mapper) find(name, jsonType string) (p property, dynamic, ok bool) {
	if p, ok = m.fields[name]; ok {
		return p, false, true
	}
	for _, d := range m.dynamic {
		if (d.MatchMappingType == jsonType || jsonType == "") && (d.PathMatch == "" && jsonType != "" || d.PathMatch != "" && matches(d.PathMatch, name)) {
			return d.Mapping, true, true
		}
	}
	return property{}, false, false
}

// matches reports whether a simple pattern with a * at its end matches; it includes dots.
func matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return open && strings.HasPrefix(name, prefix)
}

// jsonTypeOf returns the type that dynamic mapping detects.
func jsonTypeOf(value any) string {
	switch v := value.(type) {
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "double"
		}
		return "long"
	}
	return "string"
}

// index compares the fields of a document with the template. It reports values that
// Elasticsearch would reject, truncate (a fraction in a long) or not index (a long keyword).
func (m *mapper) index(fields map[string]any) (used []string, err error) {
	var errs []error
	for name, value := range fields {
		p, dynamic, ok := m.find(name, jsonTypeOf(value))
		switch {
		case m.objects[name]:
			errs = append(errs, fmt.Errorf("%s is %v, but an object in the template", name, value))
		case !ok || dynamic && p.Type == "keyword":
			errs = append(errs, fmt.Errorf("%s is not in the template", name))
		default:
			used = append(used, name)
			if e := p.accepts(value); e != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, e))
			}
		}
	}
	return used, errors.Join(errs...)
}

func (p *property) accepts(value any) error {
	s, isText := value.(string)
	n, isNumber := value.(json.Number)
	ok := false
	switch p.Type {
	case "keyword":
		ok = isText && len(s) <= p.IgnoreAbove
	case "match_only_text", "constant_keyword":
		ok = isText
	case "long":
		_, err := n.Int64()
		ok = isNumber && err == nil
	case "float":
		_, err := n.Float64()
		ok = isNumber && err == nil
	case "boolean":
		_, ok = value.(bool)
	case "date":
		_, err := time.Parse(time.RFC3339, s)
		ok = isText && err == nil
	}
	if !ok {
		return fmt.Errorf("%v (%T) for %s", value, value, p.Type)
	}
	return nil
}

// TestTemplate checks types and metadata of the templates.
func TestTemplate(t *testing.T) {
	m := newMapper(t)
	for _, p := range m.dynamic {
		if p.MatchMappingType == "" {
			t.Errorf("%+v would match objects too", p)
		}
	}
	units := []string{"", "byte", "percent", "d", "h", "m", "s", "ms", "micros", "nanos"}
	for name, p := range m.fields {
		if !slices.Contains([]string{"keyword", "match_only_text", "constant_keyword", "long", "float", "boolean", "date"}, p.Type) {
			t.Errorf("%s: type %q", name, p.Type)
		}
		if (p.IgnoreAbove > 0) != (p.Type == "keyword") || len(p.Properties) > 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if len(p.Meta) > 0 && p.Type != "long" && p.Type != "float" || !slices.Contains(units, p.Meta["unit"]) || !slices.Contains([]string{"", "gauge", "counter"}, p.Meta["metric_type"]) {
			t.Errorf("%s, %s: meta %v", name, p.Type, p.Meta)
		}
		if strings.HasSuffix(name, "_bytes") || strings.Contains(name, "bytes_per_hour") || strings.Contains(name, "_bytes.") {
			if p.Type != "long" || p.Meta["unit"] != "byte" {
				t.Errorf("%s is bytes: %+v", name, p)
			}
		}
		if ecs, ok := ecsTypes[name]; ok && ecs != p.Type {
			t.Errorf("%s is %s, %s in ECS", name, p.Type, ecs)
		}
	}
	for name := range ecsTypes {
		if _, ok := m.fields[name]; !ok {
			t.Errorf("%s, which we write, is not in the template", name)
		}
	}
	var index struct {
		IndexPatterns []string          `json:"index_patterns"`
		Priority      int               `json:"priority"`
		DataStream    *struct{}         `json:"data_stream"`
		ComposedOf    []string          `json:"composed_of"`
		IgnoreMissing []string          `json:"ignore_missing_component_templates"`
		Version       int               `json:"version"`
		Meta          map[string]string `json:"_meta"`
	}
	decodeFile(t, "index-template.json", &index)
	// Elasticsearch's own template for logs-*-* has priority 100; the last component
	// wins, and all but ours may be missing.
	last := len(index.ComposedOf) - 1
	if index.Priority <= 100 || index.DataStream == nil || index.ComposedOf[last] != "jvmem@mappings" || !slices.Equal(index.IgnoreMissing, index.ComposedOf[:last]) {
		t.Errorf("%+v", index)
	}
	if len(index.IndexPatterns) != 1 || index.IndexPatterns[0] != "logs-jvmem.*-*" {
		t.Errorf("the template is for %v, and pipeline.json writes to logs-jvmem.<dataset>-<namespace>", index.IndexPatterns)
	}
}

// TestTemplateTakesRealLines: every value in real lines has a field in the template that
// accepts it, and every field of the template occurs in a line.
func TestTemplateTakesRealLines(t *testing.T) {
	m := newMapper(t)
	written := make(map[string]bool)
	for _, line := range realLines(t) {
		used, err := m.index(flatten(t, line))
		if err != nil {
			t.Errorf("%v\nin %.300s", err, line)
		}
		for _, name := range used {
			written[name] = true
		}
	}
	for name, p := range m.fields {
		if !written[name] && p.Type != "constant_keyword" { // data_stream.* is set by the pipeline
			t.Errorf("no line has %s, which is in the template", name)
		}
	}
	if !written["jvmem.detail_bytes.native.direct_buffers"] || !written["jvmem.oom.grew_bytes.native"] {
		t.Errorf("no dynamic field was written: %v", slices.Sorted(maps.Keys(written)))
	}
}

// TestMapperRefuses: the mapper reports values that do not fit the template.
func TestMapperRefuses(t *testing.T) {
	m := newMapper(t)
	for name, value := range map[string]any{
		"jvmem.usage_bytes":              json.Number("0.5"),
		"jvmem.row_bytes.heap":           "12",
		"jvmem.row_bytes.new":            json.Number("1.5"),
		"jvmem.detail_bytes.native.new":  "x",
		"jvmem.verdict.confidence":       "high",
		"jvmem.complete":                 "true",
		"@timestamp":                     "yesterday",
		"error":                          "a text for an object",
		"jvmem.unheard_of":               "x",
		"jvmem.detail_bytes":             json.Number("1"),
		"orchestrator.resource.name":     strings.Repeat("x", 2000),
		"jvmem.verdict.seconds_to_limit": json.Number("1e3"),
	} {
		if _, err := m.index(map[string]any{name: value}); err == nil {
			t.Errorf("%s: %.50v was taken", name, value)
		}
	}
	if _, err := m.index(map[string]any{"jvmem.row_bytes.new": json.Number("1")}); err != nil {
		t.Errorf("a row that is new: %v", err)
	}
}
