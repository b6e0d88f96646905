package eventlog

import (
	"encoding/json"
	"strings"
	"testing"
)

type document = map[string]any

// processor is one step of an ingest pipeline (elastic.co/docs/reference/enrich-processor).
type processor struct {
	Description      string `json:"description"`
	If               string `json:"if"`
	Field            any    `json:"field"`
	CopyFrom         string `json:"copy_from"`
	Value            string `json:"value"`
	Override         *bool  `json:"override"`
	IgnoreFailure    bool   `json:"ignore_failure"`
	IgnoreMissing    bool   `json:"ignore_missing"`
	AddToRoot        bool   `json:"add_to_root"`
	ConflictStrategy string `json:"add_to_root_conflict_strategy"`
	Name             string `json:"name"`
}

type pipeline struct {
	Description string                 `json:"description"`
	Processors  []map[string]processor `json:"processors"`
	Version     int                    `json:"version"`
	Meta        map[string]string      `json:"_meta"`
}

// conditions are those of our pipelines, which are in Painless, in Go.
func conditions(p *processor, d document) (holds, known bool) {
	has := func(path string) bool { return get(d, path) != nil }
	holds, known = map[string]bool{
		"": true,
		`ctx.message instanceof String && ctx.message.startsWith('{"@timestamp"')`: strings.HasPrefix(asText(d["message"]), `{"@timestamp"`),
		"ctx.log?.logger != null":            has("log.logger"),
		"ctx.log?.logger == null":            !has("log.logger"),
		"ctx.jvmem?.container != null":       has("jvmem.container"),
		"ctx.jvmem?.container?.id != null":   has("jvmem.container.id"),
		"ctx.jvmem?.container?.name != null": has("jvmem.container.name"),
		"ctx.event?.module == 'jvmem' || ctx.kubernetes?.container?.name == 'jvmem'": get(d, "event.module") == "jvmem" || get(d, "kubernetes.container.name") == "jvmem",
	}[p.If]
	return holds, known
}

func get(d document, path string) any {
	var value any = d
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(document)
		value = object[name]
	}
	return value
}

func put(d document, path string, value any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		below, ok := d[name].(document)
		if !ok {
			below = document{}
			d[name] = below
		}
		d = below
	}
	d[names[len(names)-1]] = value
}

func merge(into, from document) {
	for key, value := range from {
		old, isObject := into[key].(document)
		if below, ok := value.(document); ok && isObject {
			merge(old, below)
			continue
		}
		into[key] = value
	}
}

// run does with a document what Elasticsearch does by the pipeline of that file.
func run(t *testing.T, file string, d document) {
	t.Helper()
	var p pipeline
	decodeFile(t, file, &p)
	for _, step := range p.Processors {
		for kind, s := range step {
			holds, known := conditions(&s, d)
			if !known {
				t.Fatalf("%s: the condition %q is not known here", file, s.If)
			}
			if holds {
				s.run(t, kind, d)
			}
		}
	}
}

func (s *processor) run(t *testing.T, kind string, d document) {
	t.Helper()
	field, _ := s.Field.(string)
	switch kind {
	case "json":
		if !s.AddToRoot || s.ConflictStrategy != "merge" {
			t.Errorf("%+v", s)
		}
		merge(d, parse(t, asText(get(d, field))))
	case "dot_expander":
		if value, ok := d[field]; ok {
			delete(d, field)
			put(d, field, value)
		}
	case "set":
		value := any(s.Value)
		if s.CopyFrom != "" {
			if value = get(d, s.CopyFrom); value == nil {
				t.Errorf("%s is set from %s, which is not there", field, s.CopyFrom)
			}
		}
		for _, name := range []string{"data_stream.dataset", "data_stream.namespace"} {
			if text, ok := value.(string); ok {
				value = strings.ReplaceAll(text, "{{{"+name+"}}}", asText(get(d, name)))
			}
		}
		if s.Override == nil || *s.Override || get(d, field) == nil {
			put(d, field, value)
		}
	case "remove":
		for _, name := range s.Field.([]any) {
			parent, last, _ := strings.Cut(name.(string), ".")
			if object, ok := d[parent].(document); ok {
				delete(object, last)
			}
		}
	case "pipeline":
		if s.Name != "jvmem" {
			t.Errorf("there is no pipeline %s", s.Name)
		}
		run(t, "pipeline.json", d)
	default:
		t.Errorf("the processor %s is not known here", kind)
	}
}

func parse(t *testing.T, line string) document {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var parsed document
	if err := d.Decode(&parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestPipeline: whoever ships a line, it ends in the data stream of its dataset, as a
// line about the observed container.
func TestPipeline(t *testing.T) {
	const sidecarID = "51dec4"
	m := newMapper(t)
	// What Filebeat's autodiscover and Elastic Agent know is of the sidecar.
	known := func() document {
		return document{
			"container":  document{"id": sidecarID, "runtime": "containerd", "image": document{"name": "jvmem"}},
			"kubernetes": document{"container": document{"name": "jvmem"}, "labels": document{"app": "shop"}},
			"log":        document{"offset": json.Number("12")},
			"ecs":        document{"version": "8.0.0"},
		}
	}
	for _, line := range realLines(t) {
		parsed := parse(t, line)
		want := get(parsed, "event.dataset")
		filebeat := parse(t, line) // by its parser ndjson; then autodiscover overwrites
		merge(filebeat, known())
		agent := known()
		merge(agent, document{"message": line, "event": document{"dataset": "kubernetes.container_logs"},
			"data_stream": document{"type": "logs", "dataset": "kubernetes.container_logs", "namespace": "prod"}})
		for shipper, d := range map[string]document{"filebeat": filebeat, "agent": agent} {
			file, namespace := "pipeline.json", "default"
			if shipper == "agent" {
				file, namespace = "pipeline-elastic-agent.json", "prod"
			}
			run(t, file, d)
			if d["_index"] != "logs-"+want.(string)+"-"+namespace || get(d, "event.dataset") != want || get(d, "data_stream.dataset") != want {
				t.Errorf("%s: %v for dataset %v", shipper, d["_index"], want)
			}
			if get(d, "container.id") != get(parsed, "container.id") && get(parsed, "container.id") != nil || get(parsed, "container") != nil && get(d, "container.image") != nil {
				t.Errorf("%s: container %v, observed is %v", shipper, d["container"], get(parsed, "container"))
			}
			if get(d, "kubernetes.labels.app") != "shop" || get(d, "ecs.version") != ecsVersion || d["ecs.version"] != nil || get(d, "log.level") == nil {
				t.Errorf("%s: %v", shipper, d)
			}
			if message := asText(d["message"]); message != get(parsed, "message") {
				t.Errorf("%s: message %s", shipper, message)
			}
		}
	}
	crash := known()
	crash["message"] = "fatal error: out of memory"
	run(t, "pipeline-elastic-agent.json", crash)
	if crash["_index"] != "logs-jvmem.log-default" || crash["message"] != "fatal error: out of memory" {
		t.Errorf("a line that is none of ours: %v", crash)
	}
	other := document{"message": "hello", "kubernetes": document{"container": document{"name": "app"}}}
	if run(t, "pipeline-elastic-agent.json", other); other["_index"] != nil {
		t.Errorf("a line of another container: %v", other)
	}
	for _, p := range m.dynamic {
		if p.MatchMappingType == "" {
			t.Errorf("%+v would match objects too", p)
		}
	}
}
