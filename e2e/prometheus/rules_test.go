package prometheus

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	rulesDir      = "../../charts/jvmem/rules"
	dashboardFile = "../../charts/jvmem/dashboards/jvmem.json"
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
