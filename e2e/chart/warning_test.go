package chart

import (
	"context"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/kubernetes/scheme"
)

type warnings struct{ texts []string }

func (w *warnings) AddWarning(_, text string) { w.texts = append(w.texts, text) }

// Whoever applies a pod, or what creates pods, is warned if the sidecar will see little.
func TestWarning(t *testing.T) {
	const set, root = "set its runAsUser and runAsGroup", "it has runAsUser: 0"
	pod := func(user *int64) core.PodTemplateSpec {
		p := core.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"jvmem.io/inject": "true"}}}
		p.Spec.Containers = []core.Container{{Name: "orders", Image: "example.org/orders:1.0.0"}}
		p.Spec.SecurityContext = &core.PodSecurityContext{RunAsUser: user}
		return p
	}
	second := pod(nil) // the first container has another user
	second.Annotations = map[string]string{"jvmem.io/container": "second"}
	second.Spec.Containers = append(second.Spec.Containers, core.Container{Name: "second"})
	second.Spec.Containers[0].SecurityContext = &core.SecurityContext{RunAsUser: new(int64(10001))}
	unlabelled := pod(nil)
	unlabelled.Labels = nil
	owned := metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet"}}, Labels: second.Labels}

	for _, test := range []struct {
		name, values, namespace string
		object                  runtime.Object
		kind                    schema.GroupVersionKind
		resource                string
		want                    string
	}{
		{"restricted, user of the image", "", restrictedNamespace, deployment(pod(nil)), appsKind("Deployment"), "deployments", set},
		{"restricted, second container", "", restrictedNamespace, cronJob(second), batch.SchemeGroupVersion.WithKind("CronJob"), "cronjobs", set},
		{"restricted, user set", "", restrictedNamespace, deployment(pod(new(int64(10001)))), appsKind("Deployment"), "deployments", ""},
		{"restricted, no label", "", restrictedNamespace, deployment(unlabelled), appsKind("Deployment"), "deployments", ""},
		{"restricted, no label needed", "injection: {allPods: true}", restrictedNamespace, deployment(unlabelled), appsKind("Deployment"), "deployments", set},
		{"user of the image", "", "shop", deployment(pod(nil)), appsKind("Deployment"), "deployments", ""},
		{"user of the image is ignored", "imageUser: ignore", "shop", deployment(pod(nil)), appsKind("Deployment"), "deployments", set},
		{"root", "", "shop", deployment(pod(new(int64(0)))), appsKind("Deployment"), "deployments", ""},
		{"root, only others", "imageUser: non-root", "shop", &core.Pod{ObjectMeta: pod(nil).ObjectMeta, Spec: pod(new(int64(0))).Spec}, core.SchemeGroupVersion.WithKind("Pod"), "pods", root},
		{"root, of a controller", "imageUser: non-root", "shop", &core.Pod{ObjectMeta: owned, Spec: pod(new(int64(0))).Spec}, core.SchemeGroupVersion.WithKind("Pod"), "pods", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			values := readValues(t, "testdata/render/injection.values.yaml")
			for key, value := range parse[map[string]any](t, test.values) {
				if below, ok := value.(map[string]any); ok {
					for k, v := range below {
						values[key].(map[string]any)[k] = v
					}
					continue
				}
				values[key] = value
			}
			plugin, err := validating.NewPlugin(nil)
			if err != nil {
				t.Fatal(err)
			}
			startPlugin(t, plugin, injection(t, values))
			var got warnings
			err = plugin.Validate(warning.WithWarningRecorder(context.Background(), &got),
				admission.NewAttributesRecord(test.object, nil, test.kind, test.namespace, "orders",
					test.kind.GroupVersion().WithResource(test.resource), "", admission.Create, &metav1.CreateOptions{}, false, nil),
				admission.NewObjectInterfacesFromScheme(scheme.Scheme))
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(got.texts, "\n"); (text == "") != (test.want == "") || !strings.Contains(text, test.want) {
				t.Errorf("warnings %q, want %q", got.texts, test.want)
			}
		})
	}
}

func appsKind(kind string) schema.GroupVersionKind { return apps.SchemeGroupVersion.WithKind(kind) }

func deployment(pod core.PodTemplateSpec) *apps.Deployment {
	return &apps.Deployment{Spec: apps.DeploymentSpec{Template: pod}}
}

func cronJob(pod core.PodTemplateSpec) *batch.CronJob {
	return &batch.CronJob{Spec: batch.CronJobSpec{JobTemplate: batch.JobTemplateSpec{Spec: batch.JobSpec{Template: pod}}}}
}
