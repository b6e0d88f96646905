package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The table of values in the README equals that which helm-docs creates from values.yaml: a
// comment that begins with "# --" describes the value below it.
func TestREADME(t *testing.T) {
	const begin, end = "<!-- values: written by go test -update from values.yaml -->\n", "<!-- end of values -->\n"
	file := chartDir + "/README.md"
	text := read(t, file)
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no marks for the table of values", file)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, chartDir+"/values.yaml")), &doc); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, v := range describe(t, "", doc.Content[0]) {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | `%s` | %s |\n", v.key, v.kind, v.standard, v.description))
	}
	table := "| value | type | default | |\n|---|---|---|---|\n" + strings.Join(rows, "")
	want := before + begin + table + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("%s differs from values.yaml (go test -update writes it):\n%s", file, table)
	}
}

type value struct{ key, kind, standard, description string }

// describe returns the described values below a mapping. It fails if one has neither a
// description nor described values below it.
func describe(t *testing.T, prefix string, mapping *yaml.Node) []value {
	t.Helper()
	var all []value
	for pair := range slices.Chunk(mapping.Content, 2) {
		key, node := prefix+pair[0].Value, pair[1]
		if comment, ok := strings.CutPrefix(pair[0].HeadComment, "# -- "); ok {
			all = append(all, value{key, kindOf(node), standard(t, node), strings.ReplaceAll(comment, "\n# ", " ")})
		} else if node.Kind == yaml.MappingNode && len(node.Content) > 0 {
			all = append(all, describe(t, key+".", node)...)
		} else {
			t.Errorf("values.yaml does not describe %s", key)
		}
	}
	return all
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "object"
	case yaml.SequenceNode:
		return "list"
	}
	switch n.Tag {
	case "!!bool", "!!null":
		return "bool"
	}
	return "string"
}

func standard(t *testing.T, n *yaml.Node) string {
	t.Helper()
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
