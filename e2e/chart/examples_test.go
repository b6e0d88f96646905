package chart

import (
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const examples = chartDir + "/examples"

// A third-party chart, with values only and Kustomize for the rest.
func TestExampleValuesOnly(t *testing.T) {
	dir := examples + "/values-only"
	byTemplate := includedSidecar(t, "shop")
	for _, name := range []string{"values", "values-extra-containers"} {
		t.Run(name, func(t *testing.T) {
			rendered := mustRender(t, load(t, dir+"/shop"), "shop", readValues(t, dir+"/"+name+".yaml"), kube("1.29.0"))
			if find[*apps.Deployment](t, rendered).Spec.Template.Spec.ShareProcessNamespace != nil {
				t.Error("the patch is not needed")
			}
			files := filesys.MakeFsInMemory()
			for file, text := range map[string]string{"all.yaml": rendered, "kustomization.yaml": read(t, dir+"/kustomization.yaml")} {
				if err := files.WriteFile(file, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
			if err != nil {
				t.Fatal(err)
			}
			patched, err := resources.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/examples/"+name+".golden.yaml", string(patched))
			pod := podOf(find[*apps.Deployment](t, string(patched)))
			checkSidecar(t, pod, "shop")

			// It is a copy of the sidecar in the templates of the chart.
			native := pod.Spec.InitContainers
			if name != "values" {
				native = []core.Container{pod.Spec.Containers[1]}
				native[0].RestartPolicy = new(core.ContainerRestartPolicyAlways)
			}
			if got, want := toYAML(t, native[0]), toYAML(t, byTemplate); got != want {
				t.Errorf("the sidecar of the example:\n%s\nof the template:\n%s", got, want)
			}
		})
	}
}

// The sidecar that the templates render with default values.
func includedSidecar(t *testing.T, jvm string) core.Container {
	t.Helper()
	parent := load(t, examples+"/include")
	parent.AddDependency(load(t, chartDir))
	delete(parent.Values, "jvmem")
	values := parse[map[string]any](t, "jvmem: {image: {repository: registry.example.org/jvmem}}")
	rendered := mustRender(t, parent, jvm, values, kube("1.29.0"))
	sidecar := podOf(find[*apps.Deployment](t, rendered)).Spec.InitContainers[0]
	for i := range sidecar.Env {
		if sidecar.Env[i].Name == "JVMEM_CONTAINER_NAME" {
			sidecar.Env[i].Value = jvm
		}
	}
	return sidecar
}

// A chart that includes the templates.
func TestExampleInclude(t *testing.T) {
	parent := load(t, examples+"/include")
	parent.AddDependency(withoutContents(load(t, chartDir)))
	rendered := mustRender(t, parent, "orders", nil, kube("1.29.0"))
	golden(t, "testdata/examples/include.golden.yaml", rendered)
	objects(t, rendered)
	pod := podOf(find[*apps.Deployment](t, rendered))
	checkSidecar(t, pod, "orders")
	if got := pod.Spec.Containers[0].Env[0]; got.Value != "-XX:MaxRAMPercentage=60 -XX:NativeMemoryTracking=summary" {
		t.Errorf("%v", got)
	}
	checkSidecar(t, find[*core.Pod](t, rendered), "test")
}

// A chart that sets no user: the sidecar takes that of the JVM.
func TestIncludeWithoutUser(t *testing.T) {
	for imageUser, want := range map[string]*core.Capabilities{
		"any":      nil,
		"non-root": {Add: []core.Capability{"SETUID", "SETGID"}, Drop: []core.Capability{"ALL"}},
	} {
		parent := load(t, examples+"/include")
		parent.AddDependency(load(t, chartDir))
		values := parse[map[string]any](t, "user: null\ngroup: null\njvmem: {imageUser: "+imageUser+"}")
		pod := podOf(find[*apps.Deployment](t, mustRender(t, parent, "orders", values, kube("1.29.0"))))
		checkSidecar(t, pod, "orders")
		if got := pod.Spec.InitContainers[0].SecurityContext.Capabilities; !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("imageUser %s: capabilities %v", imageUser, got)
		}
	}
}

// The author of a chart states that the pod is Guaranteed.
func TestIncludeGuaranteed(t *testing.T) {
	parent := load(t, examples+"/include")
	for _, f := range parent.Templates {
		f.Data = []byte(strings.NewReplacer(
			`"container" "orders"`, `"container" "orders" "guaranteed" true`,
			"memory: 512Mi", "memory: 512Mi\n              cpu: 500m",
		).Replace(string(f.Data)))
	}
	parent.AddDependency(load(t, chartDir))
	values := parse[map[string]any](t, "jvmem: {guaranteedCPU: 0.25, resources: {limits: {memory: 128Mi}}}")
	pod := podOf(find[*apps.Deployment](t, mustRender(t, parent, "orders", values, kube("1.29.0"))))
	checkSidecar(t, pod, "orders")
	if limits := pod.Spec.InitContainers[0].Resources.Limits; !guaranteed(pod) || limits.Cpu().String() != "250m" || limits.Memory().String() != "128Mi" {
		t.Errorf("limits %v", limits)
	}
}

// Values that the include template rejects.
func TestIncludeErrors(t *testing.T) {
	for values, want := range map[string]string{
		"user: null":                          "user and group",
		"group: null":                         "user and group",
		"user: 0\njvmem: {imageUser: ignore}": "user is 0",
		"user: null\ngroup: null\njvmem: {imageUser: ignore}": "user and group",
		"jvmem: {nmt: some}":               "nmt",
		"jvmem: {image: {repository: ''}}": "image.repository is empty",
		"jvmem: {resources: null}":         "resources",
	} {
		parent := load(t, examples+"/include")
		parent.AddDependency(load(t, chartDir))
		_, err := render(parent, "orders", parse[map[string]any](t, values), kube("1.29.0"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", values, err)
		}
	}
}

// podOf returns the pod that the controller of a deployment creates.
func podOf(d *apps.Deployment) *core.Pod {
	pod := &core.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.GenerateName = d.Namespace, d.Name+"-"
	return pod
}
