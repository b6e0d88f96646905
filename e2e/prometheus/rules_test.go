package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	rulesDir      = "../../charts/jvmem/rules"
	dashboardFile = "../../charts/jvmem/dashboards/jvmem.json"
	docsDir       = "../../docs"
)

func promtool(t *testing.T, dir, input string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRules(t *testing.T) {
	promtool(t, rulesDir, "", "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml", "recording.yaml")
	promtool(t, rulesDir, "", "test", "rules", "alerts_test.yaml", "recording_test.yaml")
}

// TestRunbooks: each alert is explained where it says.
func TestRunbooks(t *testing.T) {
	alerts := readFile(t, filepath.Join(rulesDir, "alerts.yaml"))
	names := regexp.MustCompile(`(?m)- alert: (\w+)`).FindAllStringSubmatch(alerts, -1)
	links := regexp.MustCompile(`(?m)runbook: docs/(\S+)#(\S+)$`).FindAllStringSubmatch(alerts, -1)
	if len(names) < 6 || len(links) != len(names) {
		t.Fatalf("%d alerts, %d links", len(names), len(links))
	}
	for i, link := range links {
		if link[2] != strings.ToLower(names[i][1]) {
			t.Errorf("%s links to #%s", names[i][1], link[2])
		}
		if !strings.Contains(readFile(t, filepath.Join(docsDir, link[1])), "\n### "+names[i][1]+"\n") {
			t.Errorf("docs/%s has no heading %s", link[1], names[i][1])
		}
	}
}
