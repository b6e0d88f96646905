package chart

import (
	"flag"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helm "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the expected files")

const chartDir = "../../charts/jvmem"

// A cluster is what a chart is rendered for, with kinds as in .Capabilities.
type cluster struct {
	version string
	kinds   []string
}

func kube(version string, kinds ...string) cluster { return cluster{version, kinds} }

func load(t *testing.T, dir string) *helm.Chart {
	t.Helper()
	c, err := loader.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render is helm template: it returns the text of each template that is not empty.
func render(c *helm.Chart, name string, values map[string]any, on cluster) (map[string]string, error) {
	version, err := common.ParseKubeVersion(on.version)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, err
	}
	all, err := util.ToRenderValues(c, values,
		common.ReleaseOptions{Name: name, Namespace: "monitoring", Revision: 1, IsInstall: true},
		&common.Capabilities{KubeVersion: *version, APIVersions: append(common.VersionSet{"v1", "admissionregistration.k8s.io/v1"}, on.kinds...)})
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	maps.DeleteFunc(files, func(_, text string) bool { return strings.TrimSpace(text) == "" })
	return files, err
}

// notes returns what Helm prints after an installation.
func notes(t *testing.T, c *helm.Chart, values map[string]any, on cluster) string {
	t.Helper()
	files, err := render(c, "jvmem", values, on)
	if err != nil {
		t.Fatal(err)
	}
	return files["jvmem/templates/NOTES.txt"]
}

func mustRender(t *testing.T, c *helm.Chart, name string, values map[string]any, on cluster) string {
	t.Helper()
	files, err := render(c, name, values, on)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			continue
		}
		b.WriteString("---\n# " + name + "\n" + strings.TrimSpace(files[name]) + "\n")
	}
	return b.String()
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	return parse[map[string]any](t, read(t, file))
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse rejects fields that T does not have.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return v
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, file); got != want {
		t.Errorf("differs from %s (go test -update writes it):\n%s", file, got)
	}
}
