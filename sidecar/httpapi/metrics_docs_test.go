package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestMetricsDocumented: docs/metrics.md has a line for each metric with its labels, and no
// others.
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

const (
	alertsFile    = "../../charts/jvmem/rules/alerts.yaml"
	dashboardFile = "../../charts/jvmem/dashboards/jvmem.json"
	docsURL       = "https://github.com/jvmem/jvmem/blob/main/docs/"
)

// TestRunbooks: the runbook of each alert is a heading in the docs.
func TestRunbooks(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile(alertsFile)
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			alerts++
			page, anchor, ok := strings.Cut(strings.TrimPrefix(r.Annotations["runbook_url"], docsURL), "#")
			if !ok || docsURL+page+"#"+anchor != r.Annotations["runbook_url"] {
				t.Errorf("%s: runbook_url %q", r.Alert, r.Annotations["runbook_url"])
				continue
			}
			headings, err := os.ReadFile("../../docs/" + page)
			if err != nil {
				t.Error(err)
			}
			if anchor != strings.ToLower(r.Alert) || !bytes.Contains(headings, []byte("\n### "+r.Alert+"\n")) {
				t.Errorf("%s: docs/%s has no heading for #%s", r.Alert, page, anchor)
			}
		}
	}
	if alerts < 6 {
		t.Errorf("%d alerts", alerts)
	}
}

// TestDashboardColors: the Grafana panels that stack the rows have the colours of the
// table, and no other row.
func TestDashboardColors(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct {
				LegendFormat string
			}
			FieldConfig struct {
				Defaults struct {
					Custom struct{ Stacking struct{ Mode string } }
				}
				Overrides []struct {
					Matcher    struct{ Options string }
					Properties []struct {
						ID    string
						Value any
					}
				}
			}
		}
	}
	text, err := os.ReadFile(dashboardFile)
	if err == nil {
		err = json.Unmarshal(text, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, row := range rows.All() {
		want[string(row.Name)] = row.Style.Flat()
	}
	stacked := 0
	for _, p := range board.Panels {
		if len(p.Targets) == 0 || p.Targets[0].LegendFormat != "{{row}}" || p.FieldConfig.Defaults.Custom.Stacking.Mode != "normal" {
			continue
		}
		stacked++
		got := make(map[string]string)
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				if value, ok := property.Value.(map[string]any); ok && property.ID == "color" && o.Matcher.Options != "limit" {
					got[o.Matcher.Options], _ = value["fixedColor"].(string)
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v\nwant %v", p.Title, got, want)
		}
	}
	if stacked != 2 {
		t.Errorf("%d panels stack the rows", stacked)
	}
}
