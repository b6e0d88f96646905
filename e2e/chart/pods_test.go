package chart

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// The pods that the API server creates with the policy. Those named skip- stay unchanged.
func TestInjection(t *testing.T) {
	server := startAPIServer(t, injection(t, readValues(t, "testdata/render/injection.values.yaml"))...)
	files, err := filepath.Glob("testdata/pods/*.pod.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".pod.yaml")
		t.Run(name, func(t *testing.T) {
			before := parse[*core.Pod](t, read(t, file))
			after, err := server.create(before)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "skip-") {
				if !equality.Semantic.DeepEqual(before, after) {
					t.Errorf("the pod was changed:\n%s", toYAML(t, after))
				}
				return
			}
			golden(t, strings.TrimSuffix(file, ".pod.yaml")+".golden.yaml", toYAML(t, after))
			jvm := before.Annotations["jvmem.io/container"]
			if jvm == "" {
				jvm = before.Spec.Containers[0].Name
			}
			checkSidecar(t, after, jvm)
			checkKept(t, before, after, jvm)
			if guaranteed(before) && !guaranteed(after) {
				t.Error("the pod is not Guaranteed any more")
			}
			// Without the sidecar the pod may be what no level admits.
			if len(violations(t, api.LevelBaseline, before.ObjectMeta, before.Spec)) == 0 {
				for _, violation := range violations(t, api.LevelBaseline, after.ObjectMeta, after.Spec) {
					t.Errorf("baseline does not admit the pod any more: %s", violation)
				}
			}

			again, err := server.create(after)
			if err != nil {
				t.Fatal(err)
			}
			if !equality.Semantic.DeepEqual(after, again) {
				t.Errorf("changed by a second pass:\n%s", toYAML(t, again))
			}
		})
	}
}

// checkKept checks that the pod without the additions equals the original.
func checkKept(t *testing.T, before, after *core.Pod, jvm string) {
	t.Helper()
	rest := after.DeepCopy()
	rest.TypeMeta = before.TypeMeta
	delete(rest.Labels, "jvmem.io/sidecar")
	rest.Spec.ShareProcessNamespace = before.Spec.ShareProcessNamespace
	rest.Spec.InitContainers = slices.DeleteFunc(rest.Spec.InitContainers, isSidecar)
	rest.Spec.Containers = slices.DeleteFunc(rest.Spec.Containers, isSidecar)
	rest.Spec.Volumes = rest.Spec.Volumes[:len(before.Spec.Volumes)]
	i := slices.IndexFunc(rest.Spec.Containers, func(c core.Container) bool { return c.Name == jvm })
	had, has := before.Spec.Containers[i].Env, rest.Spec.Containers[i].Env
	for j := range has {
		option, ok := strings.CutSuffix(has[j].Value, "-XX:NativeMemoryTracking=summary")
		if !ok || has[j].Name != "JDK_JAVA_OPTIONS" {
			continue
		}
		if j < len(had) { // kubelet uses the last one with a name
			has[j].Value = strings.TrimSpace(option)
		} else {
			rest.Spec.Containers[i].Env = has[:j]
			if option != "" {
				t.Errorf("JDK_JAVA_OPTIONS is added with %q", option)
			}
		}
	}
	if !equality.Semantic.DeepEqual(before, rest) {
		t.Errorf("other parts changed; without the sidecar:\n%s", toYAML(t, rest))
	}
}

// The same policy with other values, and a pod that it does not match.
func TestInjectionMatches(t *testing.T) {
	server := startAPIServer(t, injection(t, readValues(t, examples+"/injection/values.yaml"))...)
	injected := func(change func(*core.Pod)) bool {
		pod := labelled()
		change(pod)
		after, err := server.create(pod)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(after.Spec.InitContainers, isSidecar)
	}
	if !injected(func(*core.Pod) {}) {
		t.Error("a labelled pod got no sidecar")
	}
	if injected(func(p *core.Pod) { p.Namespace = "kube-system" }) {
		t.Error("a pod of kube-system got a sidecar")
	}

	// An ordinary container by value, a native one by annotation.
	ordinary := startAPIServer(t, injection(t, parse[map[string]any](t, `{image: {repository: r}, injection: {enabled: true, native: false}}`))...)
	for annotation, want := range map[string]bool{"": false, "true": true, "false": false} {
		pod := labelled()
		if annotation != "" {
			pod.Annotations = map[string]string{"jvmem.io/native": annotation}
		}
		after, err := ordinary.create(pod)
		if err != nil {
			t.Fatal(err)
		}
		checkSidecar(t, after, "orders")
		if got := slices.ContainsFunc(after.Spec.InitContainers, isSidecar); got != want {
			t.Errorf("injection.native is false, annotation %q: native %v", annotation, got)
		}
	}

	// All pods of some namespaces: labels are not needed, and opt out.
	all := startAPIServer(t, injection(t, readValues(t, "testdata/render/injection-all.values.yaml"))...)
	for label, want := range map[string]bool{"": true, "true": true, "false": false} {
		pod := labelled()
		pod.Labels = map[string]string{"jvmem.io/inject": label}
		if label == "" {
			pod.Labels = nil
		}
		after, err := all.create(pod)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(after.Spec.InitContainers, isSidecar); got != want {
			t.Errorf("allPods, labels %v: injected %v", pod.Labels, got)
		}
	}
}

func labelled() *core.Pod {
	pod := &core.Pod{}
	pod.Namespace, pod.Name = "shop", "orders"
	pod.Labels = map[string]string{"jvmem.io/inject": "true"}
	pod.Spec.Containers = []core.Container{{Name: "orders", Image: "example.org/orders:1.0.0"}}
	return pod
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
