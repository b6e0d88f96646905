package prometheus

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// config scrapes a sidecar as a PodMonitor does: the container label of the target is that of
// the sidecar, and the metrics are about another container.
const config = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [alerts.yaml, recording.yaml]
scrape_configs:
  - job_name: jvmem
    honor_labels: true
    static_configs:
      - targets: [%q]
        labels: {namespace: shop, pod: cart-1, container: jvmem}
`

type prometheus struct{ url string }

// start runs a Prometheus that scrapes a target, with the rules of the chart and their "for"
// set to 1 s.
func start(t *testing.T, target string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"prometheus.yml": fmt.Sprintf(config, target)}
	for _, name := range []string{"alerts.yaml", "recording.yaml"} {
		files[name] = regexp.MustCompile(`(?m)^( +for:) .*$`).ReplaceAllString(readFile(t, filepath.Join(rulesDir, name)), "$1 1s")
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	address := sidecar.FreeAddress(t)
	p := &prometheus{"http://" + address}
	run(t, "prometheus", "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address, "--log.level=warn")
	await(t, "Prometheus is ready", func() bool {
		_, err := get(t, p.url+"/-/ready")
		return err == nil
	})
	return p
}

// run runs a command until the end of the test and logs its output if the test failed.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		_ = log.Close()
		if text := readFile(t, log.Name()); t.Failed() {
			t.Logf("%s exited: %v, and wrote:\n%s", filepath.Base(name), err, text[max(0, len(text)-8<<10):])
		}
	})
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 90 s", what)
		}
	}
}

func get(t *testing.T, target string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", target, r.Status, text)
	}
	return string(text), err
}

// api queries the API of Prometheus.
func (p *prometheus) api(t *testing.T, path string, values url.Values, data any) {
	t.Helper()
	text, err := get(t, p.url+"/api/v1/"+path+"?"+values.Encode())
	answer := struct{ Data any }{data}
	if err == nil {
		err = json.Unmarshal([]byte(text), &answer)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sample is a result of an instant query.
type sample struct {
	Metric map[string]string
	Value  [2]any // time and the value as text
}

func (s sample) number(t *testing.T) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s.Value[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *prometheus) query(t *testing.T, expr string) []sample {
	t.Helper()
	var data struct{ Result []sample }
	p.api(t, "query", url.Values{"query": {expr}}, &data)
	return data.Result
}

// alert is a pending or firing alert.
type alert struct {
	Labels, Annotations map[string]string
	State               string
}

func (p *prometheus) firing(t *testing.T, name string) []alert {
	t.Helper()
	var data struct{ Alerts []alert }
	p.api(t, "alerts", nil, &data)
	var all []alert
	for _, a := range data.Alerts {
		if a.Labels["alertname"] == name && a.State == "firing" {
			all = append(all, a)
		}
	}
	return all
}
