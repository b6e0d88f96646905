package eventlog

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// specField is a field in the specification of ECS logging.
type specField struct {
	kind     string // datetime, string, integer or object
	required bool
	index    int  // its place in the line; -1: anywhere
	topLevel bool // a dotted name, never an object
	// sanitized: a value that becomes the name of a data stream.
	sanitized bool
}

// loggingSpec has the rules of github.com/elastic/ecs-logging, spec/spec.json,
// version 1.0. The message is optional there, but not here.
var loggingSpec = map[string]specField{
	"@timestamp":            {kind: "datetime", required: true, index: 0},
	"log.level":             {kind: "string", required: true, index: 1, topLevel: true},
	"message":               {kind: "string", required: true, index: 2},
	"ecs.version":           {kind: "string", required: true, index: -1},
	"labels":                {kind: "object", index: -1},
	"trace.id":              {kind: "string", index: -1},
	"transaction.id":        {kind: "string", index: -1},
	"service.name":          {kind: "string", index: -1},
	"service.node.name":     {kind: "string", index: -1},
	"event.dataset":         {kind: "string", index: -1, sanitized: true},
	"data_stream.dataset":   {kind: "string", index: -1, sanitized: true},
	"data_stream.namespace": {kind: "string", index: -1, sanitized: true},
	"process.thread.name":   {kind: "string", index: -1},
	"log.logger":            {kind: "string", index: -1},
	"log.origin.file.line":  {kind: "integer", index: -1},
	"log.origin.file.name":  {kind: "string", index: -1},
	"log.origin.function":   {kind: "string", index: -1},
	"error.type":            {kind: "string", index: -1},
	"error.message":         {kind: "string", index: -1},
	"error.stack_trace":     {kind: "string", index: -1},
}

// ecsTypes has the types of the ECS fields that jvmem sets, from ECS 8.11
// (elastic.co/guide/en/ecs/8.11), and of those below kubernetes, which are
// Metricbeat's and Filebeat's.
var ecsTypes = map[string]string{
	"@timestamp": "date", "message": "match_only_text", "ecs.version": "keyword",
	"log.level": "keyword", "log.logger": "keyword", "error.message": "match_only_text",
	"service.name": "keyword", "service.type": "keyword", "service.version": "keyword",
	"event.kind": "keyword", "event.module": "keyword", "event.dataset": "keyword", "event.action": "keyword",
	"container.id": "keyword", "container.name": "keyword",
	"orchestrator.type": "keyword", "orchestrator.namespace": "keyword",
	"orchestrator.resource.type": "keyword", "orchestrator.resource.name": "keyword", "orchestrator.resource.id": "keyword",
	"kubernetes.namespace": "keyword", "kubernetes.pod.name": "keyword", "kubernetes.pod.uid": "keyword", "kubernetes.node.name": "keyword",
}

// eventKinds are the values that ECS 8.11 allows for event.kind.
var eventKinds = []any{"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	// dataset matches names that a data stream may have.
	dataset = regexp.MustCompile(`^[^\\/*?"<>| ,#:\-A-Z]{1,100}$`)
	logger  = regexp.MustCompile(`^jvmem\.(breakdown|diagnosis|oom|log)$`)
)

// checkECS checks a line against the specification and the types.
func checkECS(t *testing.T, line string) {
	t.Helper()
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("control characters in %q", line)
	}
	keys := keysOf(t, line)
	fields := flatten(t, line)
	for name, rule := range loggingSpec {
		value, ok := fields[name]
		if !ok {
			if rule.required {
				t.Errorf("%s is missing in %s", name, line)
			}
			continue
		}
		if rule.index >= 0 && (rule.index >= len(keys) || keys[rule.index] != name) {
			t.Errorf("%s is not field %d of %v", name, rule.index, keys)
		}
		if rule.topLevel && !slices.Contains(keys, name) {
			t.Errorf("%s is not at the top level", name)
		}
		checkSpecType(t, name, rule, value)
	}
	for name, value := range fields {
		if strings.HasPrefix(name, "jvmem.") {
			continue
		}
		kind, ok := ecsTypes[name]
		if _, specified := loggingSpec[name]; !ok && !specified {
			t.Errorf("%s is not an ECS field that this test knows", name)
			continue
		}
		if _, isText := value.(string); ok && !isText {
			t.Errorf("%s is %v, want a string for %s", name, value, kind)
		}
	}
	if kind, ok := fields["event.kind"]; ok && !slices.Contains(eventKinds, kind) {
		t.Errorf("event.kind %v is not one of %v", kind, eventKinds)
	}
	if fields["event.dataset"] != fields["log.logger"] || !logger.MatchString(asText(fields["log.logger"])) || fields["event.module"] != "jvmem" {
		t.Errorf("module %v, dataset %v, logger %v", fields["event.module"], fields["event.dataset"], fields["log.logger"])
	}
	if fields["service.name"] != "jvmem" || fields["service.version"] != "v1.2.3" {
		t.Errorf("service %v %v", fields["service.name"], fields["service.version"])
	}
}

func checkSpecType(t *testing.T, name string, rule specField, value any) {
	t.Helper()
	s, isText := value.(string)
	switch rule.kind {
	case "datetime":
		if _, err := time.Parse(time.RFC3339, s); err != nil || !timestamp.MatchString(s) {
			t.Errorf("%s is %v", name, value)
		}
	case "string":
		if !isText || s == "" {
			t.Errorf("%s is %v, want a string", name, value)
		}
	case "integer":
		if n, ok := value.(json.Number); !ok || strings.ContainsAny(n.String(), ".eE") {
			t.Errorf("%s is %v, want an integer", name, value)
		}
	case "object":
		t.Errorf("%s is %v, want an object", name, value) // an object has no value itself
	}
	if rule.sanitized && !dataset.MatchString(s) {
		t.Errorf("%s is %q, which no data stream can be called", name, s)
	}
	if name == "log.level" && s != strings.ToLower(s) {
		t.Errorf("log.level %s", s)
	}
}

func asText(value any) string { s, _ := value.(string); return s }

// flatten returns the values of a line by their dotted names.
func flatten(t *testing.T, line string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	fields := make(map[string]any)
	var walk func(prefix string, object map[string]any)
	walk = func(prefix string, object map[string]any) {
		for key, value := range object {
			if below, ok := value.(map[string]any); ok {
				walk(prefix+key+".", below)
				continue
			}
			if _, twice := fields[prefix+key]; twice {
				t.Errorf("%s twice in %s", prefix+key, line)
			}
			fields[prefix+key] = value
		}
	}
	walk("", object)
	return fields
}

// keysOf returns the keys of the outermost object in order, and checks that no object has
// a key twice.
func keysOf(t *testing.T, line string) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	var object func() []string
	object = func() (keys []string) {
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if slices.Contains(keys, key.(string)) {
				t.Errorf("%v twice in %s", key, line)
			}
			keys = append(keys, key.(string))
			value, err := d.Token()
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			switch value {
			case json.Delim('{'):
				object()
			case json.Delim('['):
				t.Errorf("a list in %s: Kibana cannot chart it", line)
			}
		}
		_, _ = d.Token() // the end
		return keys
	}
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		t.Fatalf("no object: %s", line)
	}
	return object()
}
