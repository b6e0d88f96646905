package prometheus

import (
	"flag"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

var binary = flag.String("jvmem", "../../bin/jvmem", "the binary under test, static")

// dashboardValues are the selected values of the variables.
func dashboardValues() map[string]string {
	return map[string]string{"namespace": "shop", "pod": "cart-1", "container": "app", "__rate_interval": "1m", "__range": "5m"}
}

// TestLeak runs a JVM that leaks direct buffers. The alert about the leak fires, each query
// of the dashboard returns data, and after the OOM kill the alert about that fires.
func TestLeak(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{
		LimitBytes: 768 << 20,
		JVMFlags:   []string{"-Xmx64m", "-XX:MaxDirectMemorySize=4g", "-XX:NativeMemoryTracking=summary"},
	})
	jvmem := sidecar.Start(t, sidecar.Options{
		Binary: *binary, Proc: jvmtest.NewPodProc(t, j.PID), Flags: []string{"--interval", "200ms", "--max-cpu", "0", "--log-interval", "0"},
	})
	var exposition string
	await(t, "the JVM is in the metrics", func() bool {
		exposition, _ = jvmem.Metrics()
		return strings.Contains(exposition, `jvmem_memory_bytes{container="app",row="heap"}`)
	})
	promtool(t, "", exposition, "check", "metrics")

	p := start(t, jvmem.Address)
	leak := func() { j.Do("direct 1") }
	awaitAlert(t, p, "JvmemLeakSuspected", leak)
	awaitAlert(t, p, "JvmemLimitWithin1h", leak)
	d := readDashboard(t)
	for _, v := range d.variables(t, dashboardValues()) {
		var values []string
		p.api(t, "label/"+v.label+"/values", url.Values{"match[]": {v.selector}}, &values)
		if want := dashboardValues()[v.name]; !slices.Equal(values, []string{want}) {
			t.Errorf("variable %s: %v", v.name, values)
		}
	}
	queries := d.queries(dashboardValues())
	for _, q := range queries {
		if !q.ofKills() {
			leak()
			awaitData(t, p, q, func(float64) bool { return true })
		}
	}
	// The sum of the rows in Prometheus equals the usage.
	if off := p.query(t, `abs(sum(jvmem_memory_bytes{container="app"}) - on() sum(jvmem_container_usage_bytes{container="app"}))`); len(off) != 1 || off[0].number(t) != 0 {
		t.Errorf("rows and usage differ: %v", off)
	}

	j.Send("direct 2000")
	<-j.Exited()
	awaitAlert(t, p, "JvmemOOMKilled", func() {})
	for _, q := range queries {
		if q.ofKills() {
			awaitData(t, p, q, func(n float64) bool { return n > 0 })
		}
	}
}

// awaitAlert waits until an alert about the JVM fires.
func awaitAlert(t *testing.T, p *prometheus, name string, meanwhile func()) {
	t.Helper()
	begun := time.Now()
	var firing []alert
	await(t, name+" fires", func() bool {
		meanwhile()
		firing = p.firing(t, name)
		return len(firing) > 0
	})
	a := firing[0]
	t.Logf("%s after %.1f s: %s", name, time.Since(begun).Seconds(), a.Annotations["summary"])
	cause, labeled := a.Labels["cause"]
	if len(firing) != 1 || a.Labels["namespace"] != "shop" || a.Labels["pod"] != "cart-1" || a.Labels["container"] != "app" || labeled && cause != "direct_buffers" {
		t.Errorf("%s: %+v", name, firing)
	}
	for key, text := range a.Annotations {
		if text == "" || strings.Contains(text, "<error") || strings.Contains(text, "<no value>") {
			t.Errorf("%s: %s is %q", name, key, text)
		}
	}
	if !strings.Contains(a.Annotations["summary"], "shop/cart-1") {
		t.Errorf("%s: %q", name, a.Annotations["summary"])
	}
}

// awaitData waits until a query returns data: recording rules lag behind their input.
func awaitData(t *testing.T, p *prometheus, q query, ok func(float64) bool) {
	t.Helper()
	var last []sample
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		last = p.query(t, q.expr)
		if slices.ContainsFunc(last, func(s sample) bool { return ok(s.number(t)) }) {
			return
		}
	}
	t.Errorf("%s returned %v: %s", q.panel, last, q.expr)
}
