package eventlog

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/kibana.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)\n```").FindAllStringSubmatch(manual(t), -1) {
		all = append(all, found[1])
	}
	if len(all) < 5 {
		t.Errorf("%d blocks in %s", len(all), language)
	}
	return all
}

// TestDocumentedFields: each field of jvmem in the tables of the manual exists, and each
// field that exists is in them.
func TestDocumentedFields(t *testing.T) {
	m := newMapper(t)
	named := regexp.MustCompile("`([a-z_@]+(?:\\.[a-z_]+)+)(?:\\.\\*)?`")
	documented := make(map[string]bool)
	for line := range strings.SplitSeq(manual(t), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		ours := strings.Join(cells, " ")
		if len(cells) > 5 {
			ours = cells[1] // the other columns have fields of other tools
		}
		for _, name := range named.FindAllStringSubmatch(ours, -1) {
			field := name[1]
			if _, _, ok := m.find(field, ""); !ok && !logger.MatchString(field) && !strings.HasPrefix(field, "kubernetes.container.") {
				t.Errorf("%s is in the manual but not in the template", field)
			}
			documented[field] = true
		}
	}
	for name := range m.fields {
		if strings.HasPrefix(name, "jvmem.") && !strings.HasPrefix(name, "jvmem.row_bytes.") && !documented[name] {
			t.Errorf("the manual has no %s", name)
		}
	}
}

// TestDocumentedKQL: each field in a query is one that jvmem writes.
func TestDocumentedKQL(t *testing.T) {
	written := writtenFields(t)
	for _, query := range blocks(t, "kql") {
		found := queriedField.FindAllStringSubmatch(query, -1)
		for _, m := range found {
			if !written[m[1]] {
				t.Errorf("no line has %s, in\n%s", m[1], query)
			}
		}
		if len(found) == 0 {
			t.Errorf("no field in\n%s", query)
		}
	}
}

// TestDocumentedESQL checks the commands, the data streams and the fields.
func TestDocumentedESQL(t *testing.T) {
	m := newMapper(t)
	commands := []string{"WHERE", "EVAL", "STATS", "SORT", "KEEP", "LIMIT"}
	quoted := regexp.MustCompile(`"[^"]*"`)
	field := regexp.MustCompile(`@?[a-z][a-z_]*(?:\.[a-z_]+)*(?:\.\*)?`)
	streams := regexp.MustCompile(`^logs-jvmem\.(breakdown|diagnosis|oom|log)-\*$`)
	for _, query := range blocks(t, "esql") {
		steps := strings.Split(quoted.ReplaceAllString(query, ""), "\n| ")
		if source, ok := strings.CutPrefix(steps[0], "FROM "); !ok || !streams.MatchString(source) {
			t.Errorf("%q", steps[0])
		}
		own := make(map[string]bool)
		for _, step := range steps[1:] {
			command, rest, _ := strings.Cut(step, " ")
			if !slices.Contains(commands, command) || strings.Count(rest, "(") != strings.Count(rest, ")") {
				t.Errorf("%q in\n%s", step, query)
			}
			for _, made := range regexp.MustCompile(`([a-z_]+) = `).FindAllStringSubmatch(rest, -1) {
				own[made[1]] = true
			}
			for _, name := range field.FindAllString(rest, -1) {
				name, _ = strings.CutSuffix(name, ".*")
				_, _, ok := m.find(name, "")
				if !ok && !own[name] && !m.objects[name] && !slices.Contains([]string{"minutes", "hours", "hour", "null"}, name) {
					t.Errorf("%s is no field, in\n%s", name, query)
				}
			}
		}
	}
}

// TestShippers: the snippets are YAML, decode lines with the options that jvmem needs, and
// name the pipeline.
func TestShippers(t *testing.T) {
	want := map[string]any{"target": "", "overwrite_keys": true, "expand_keys": true, "add_error_key": true}
	read := func(name string) (root map[string]any) {
		text, err := os.ReadFile(filepath.Join(kibanaFolder, name))
		if err == nil {
			err = yaml.Unmarshal(text, &root)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return root
	}
	checkInput := func(name string, input map[string]any) {
		parsers, _ := input["parsers"].([]any)
		if len(parsers) != 2 || input["pipeline"] != "jvmem" || input["id"] == nil || input["paths"] == nil {
			t.Fatalf("%s: %v", name, input)
		}
		if _, first := parsers[0].(map[string]any)["container"]; !first {
			t.Errorf("%s: the line of the container runtime is not parsed first", name)
		}
		ndjson := parsers[1].(map[string]any)["ndjson"].(map[string]any)
		for option, value := range want {
			if ndjson[option] != value {
				t.Errorf("%s: ndjson %s is %v", name, option, ndjson[option])
			}
		}
	}
	filebeat := read("filebeat.yml")["filebeat.inputs"].([]any)[0].(map[string]any)
	checkInput("filebeat.yml", filebeat)
	if steps := filebeat["processors"].([]any); steps[0].(map[string]any)["drop_fields"] == nil || steps[1].(map[string]any)["add_kubernetes_metadata"] == nil {
		t.Errorf("%v", steps)
	}
	agent := read("elastic-agent.yml")["inputs"].([]any)[0].(map[string]any)
	checkInput("elastic-agent.yml", agent["streams"].([]any)[0].(map[string]any))

	provider := read("filebeat-autodiscover.yml")["filebeat.autodiscover"].(map[string]any)["providers"].([]any)[0].(map[string]any)
	if provider["type"] != "kubernetes" || provider["hints.enabled"] != true {
		t.Errorf("%v", provider)
	}
	annotations := read("pod-annotations.yaml")["metadata"].(map[string]any)["annotations"].(map[string]any)
	for option := range want {
		if name := "co.elastic.logs.jvmem/json." + option; option != "target" && annotations[name] != "true" { // annotations are texts
			t.Errorf("%s is %v", name, annotations[name])
		}
	}
	if annotations["co.elastic.logs.jvmem/pipeline"] != "jvmem" || len(annotations) != len(want) {
		t.Errorf("%v", annotations)
	}
}

// TestLinkedFiles: the manual links each file, and no others.
func TestLinkedFiles(t *testing.T) {
	text := manual(t)
	files, err := os.ReadDir(kibanaFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(text, "(kibana/"+f.Name()+")") {
			t.Errorf("the manual does not link %s", f.Name())
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([a-z][^):]*)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", link[1])); err != nil {
			t.Error(err)
		}
	}
}
