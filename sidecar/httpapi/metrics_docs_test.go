package httpapi

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetricsDocumented: docs/metrics.md has a line for each metric with its labels,
// and none for another one.
func TestMetricsDocumented(t *testing.T) {
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	exposed := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^(jvmem_\w+)(?:\{(.*)\})? `).FindAllSubmatch(read(goldenMetrics), -1) {
		var labels []string
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllSubmatch(m[2], -1) {
			labels = append(labels, string(label[1]))
		}
		slices.Sort(labels)
		exposed[string(m[1])] = strings.Join(labels, " ")
	}
	documented := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(jvmem_\\w+)` \\| ([^|]*) \\|").FindAllSubmatch(read("../../docs/metrics.md"), -1) {
		labels := strings.FieldsFunc(string(bytes.ReplaceAll(m[2], []byte("`"), nil)), func(r rune) bool { return r == ',' || r == ' ' || r == '-' })
		slices.Sort(labels)
		documented[string(m[1])] = strings.Join(labels, " ")
	}
	for _, m := range regexp.MustCompile(`[{,](?:row|detail|cause|source)="(\w+)"`).FindAllSubmatch(read(goldenMetrics), -1) {
		if value := "`" + string(m[1]) + "`"; !bytes.Contains(read("../../docs/metrics.md"), []byte(value)) {
			t.Errorf("docs/metrics.md lacks %s", value)
		}
	}
	if len(exposed) != int(numMetrics) {
		t.Errorf("the golden exposition has %d metrics, want all %d", len(exposed), numMetrics)
	}
	if !maps.Equal(exposed, documented) {
		t.Errorf("docs/metrics.md: %v\nexposed: %v", documented, exposed)
	}
}
