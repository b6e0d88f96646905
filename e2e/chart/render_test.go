package chart

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	helm "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	admissionv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Each set of values is linted, rendered, decoded and compared with the expected objects.
func TestRender(t *testing.T) {
	files, err := filepath.Glob("testdata/render/*.values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".values.yaml")
		t.Run(name, func(t *testing.T) {
			values := readValues(t, file)
			checkLint(t, values)
			rendered := mustRender(t, withoutContents(load(t, chartDir)), "jvmem", values, kube("1.36.0"))
			objects(t, rendered)
			golden(t, "testdata/render/"+name+".golden.yaml", rendered)
		})
	}
}

func checkLint(t *testing.T, values map[string]any) {
	t.Helper()
	version, err := common.ParseKubeVersion("1.36.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range lint.RunAll(chartDir, values, "monitoring", lint.WithKubeVersion(version)).Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

// withoutContents removes from the golden files what other tests check.
func withoutContents(c *helm.Chart) *helm.Chart {
	for _, f := range c.Files {
		switch {
		case strings.HasPrefix(f.Name, "rules/"):
			f.Data = []byte("groups: [{name: " + strings.TrimSuffix(filepath.Base(f.Name), ".yaml") + "}]")
		case strings.HasPrefix(f.Name, "dashboards/"):
			f.Data = []byte(`{"title": "the dashboard"}`)
		}
	}
	return c
}

// Alerts, recording rules and dashboard are rendered unchanged.
func TestContents(t *testing.T) {
	c := load(t, chartDir)
	for _, f := range c.Files {
		if strings.HasPrefix(f.Name, "examples/") || strings.HasSuffix(f.Name, "_test.yaml") {
			t.Errorf("%s is in the package", f.Name)
		}
	}
	rendered := mustRender(t, c, "jvmem", readValues(t, "testdata/render/monitoring.values.yaml"), kube("1.36.0"))

	var want []monitoring.RuleGroup
	for _, name := range []string{"recording", "alerts"} {
		want = append(want, parse[monitoring.PrometheusRuleSpec](t, read(t, chartDir+"/rules/"+name+".yaml")).Groups...)
	}
	if got := find[*monitoring.PrometheusRule](t, rendered).Spec.Groups; len(got) == 0 || !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("rules: %v, want %v", got, want)
	}
	got := find[*core.ConfigMap](t, rendered).Data["jvmem.json"]
	if !json.Valid([]byte(got)) || got != strings.TrimSpace(read(t, chartDir+"/dashboards/jvmem.json")) {
		t.Errorf("dashboard: %s", got)
	}
}

// The version of the policy depends on the cluster.
func TestInjectionCapabilities(t *testing.T) {
	const v1, v1beta1 = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy", "admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy"
	values := readValues(t, "testdata/render/injection.values.yaml")
	injection := values["injection"].(map[string]any)
	injection["quotaCPULimit"], injection["limitRanges"] = "", false
	c := load(t, chartDir)

	newest := find[*admissionv1.MutatingAdmissionPolicy](t, mustRender(t, c, "jvmem", values, kube("1.36.0")))
	for _, on := range []cluster{kube("1.36.0-eks.1"), kube("1.37.2", "v1/Pod", v1, v1beta1), kube("1.20.0", v1)} {
		rendered := mustRender(t, c, "jvmem", values, on)
		if got := find[*admissionv1.MutatingAdmissionPolicy](t, rendered); !equality.Semantic.DeepEqual(got, newest) {
			t.Errorf("%v: another policy", on)
		}
		find[*admissionv1.MutatingAdmissionPolicyBinding](t, rendered)
	}
	for _, on := range []cluster{kube("1.34.0"), kube("v1.35.3+k3s1"), kube("1.35.0", "v1/Pod", v1beta1)} {
		rendered := mustRender(t, c, "jvmem", values, on)
		find[*admissionv1beta1.MutatingAdmissionPolicyBinding](t, rendered)
		beta := find[*admissionv1beta1.MutatingAdmissionPolicy](t, rendered)
		// Everything except the version is the same.
		beta.APIVersion = newest.APIVersion
		if got := parse[*admissionv1.MutatingAdmissionPolicy](t, toYAML(t, beta)); !equality.Semantic.DeepEqual(got, newest) {
			t.Errorf("%v: another policy than v1", on)
		}
	}
	for _, on := range []cluster{kube("1.33.4"), kube("1.35.0", "v1/Pod")} {
		if _, err := render(c, "jvmem", values, on); err == nil || !strings.Contains(err.Error(), "MutatingAdmissionPolicy") {
			t.Errorf("%v: %v", on, err)
		}
	}
}

// A cluster without the Prometheus Operator gets nothing that it would reject, and is told so.
func TestWithoutPrometheusOperator(t *testing.T) {
	const podMonitor, prometheusRule = "monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1/PrometheusRule"
	for _, test := range []struct {
		kinds []string
		want  int
	}{
		{[]string{"v1/Pod"}, 0},
		{[]string{"v1/Pod", podMonitor}, 1},
		{[]string{"v1/Pod", podMonitor, prometheusRule}, 2},
	} {
		c := load(t, chartDir)
		rendered := mustRender(t, c, "jvmem", readValues(t, "testdata/render/monitoring.values.yaml"), kube("1.36.0", test.kinds...))
		if got := strings.Count(rendered, "apiVersion: monitoring.coreos.com/"); got != test.want {
			t.Errorf("%v: %d objects of the Prometheus Operator, want %d", test.kinds, got, test.want)
		}
		notes := notes(t, c, readValues(t, "testdata/render/monitoring.values.yaml"), kube("1.36.0", test.kinds...))
		if got := strings.Count(notes, "was created: this cluster has no such kind"); got != 2-test.want {
			t.Errorf("%v: %d notes in:\n%s", test.kinds, got, notes)
		}
	}
}

// Values that the schema or a template rejects, with the error.
func TestBadValues(t *testing.T) {
	for values, want := range map[string]string{
		"flagz: {}":                                              "flagz",
		"nmt: on":                                                "nmt",
		"nmt: full":                                              "nmt",
		"flags: {intervall: 10s}":                                "intervall",
		"flags: {interval: 10}":                                  "interval",
		"flags: {interval: 10 seconds}":                          "interval",
		"flags: {max-cpu: -1}":                                   "max-cpu",
		"flags: {evidence: all}":                                 "evidence",
		"resources: {limits: {memory: null}}":                    "memory",
		"resources: {limits: null}":                              "limits",
		"resources: {limits: {memory: 64MB}}":                    "memory",
		"guaranteedCPU: some":                                    "guaranteedCPU",
		"injection: {native: 'no'}":                              "native",
		"image: {digest: 9f86d081}":                              "digest",
		"image: {repository: ''}":                                "image.repository is empty",
		"image: {pullPolicy: Sometimes}":                         "pullPolicy",
		"web: {secret: My_Secret}":                               "secret",
		"web: {tls: true}":                                       "secret",
		"web: {file: web.yml}":                                   "file",
		"imageUser: root":                                        "imageUser",
		"stateSize: lots":                                        "stateSize",
		"injection: {enabled: 'yes'}":                            "enabled",
		"injection: {failurePolicy: Retry}":                      "failurePolicy",
		"podMonitor: {interval: often}":                          "interval",
		"podMonitor: {namespaceSelector: {matchLabels: {a: b}}}": "matchLabels",
		"injection: {namespaceSelector: {any: true}}":            "any",
		"podMonitor: {labels: {release: 1}}":                     "release",
		"networkPolicy: {enabled: true}\ntest: {enabled: false}": "podsAreIsolated",
		"networkPolicy: {from: []}":                              "from",
		"networkPolicy: {podsAreIsolated: probably}":             "podsAreIsolated",
		"dashboard: {annotations: [a]}":                          "annotations",
	} {
		_, err := render(load(t, chartDir), "jvmem", parse[map[string]any](t, values), kube("1.36.0"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// Without injection, the pod of helm test brings its sidecar.
func TestHelmTest(t *testing.T) {
	rendered := mustRender(t, load(t, chartDir), "jvmem", readValues(t, "testdata/render/default.values.yaml"), kube("1.36.0"))
	checkSidecar(t, find[*core.Pod](t, rendered), "test")
}
