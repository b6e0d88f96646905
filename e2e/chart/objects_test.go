package chart

import (
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	admissionv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// objects decodes rendered objects strictly into the types of the API.
func objects(t *testing.T, rendered string) []any {
	t.Helper()
	var all []any
	for text := range strings.SplitSeq("\n"+rendered, "\n---\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		switch kind := meta.APIVersion + " " + meta.Kind; kind {
		case "v1 Pod":
			all = append(all, parse[*core.Pod](t, text))
		case "v1 ConfigMap":
			all = append(all, parse[*core.ConfigMap](t, text))
		case "apps/v1 Deployment":
			all = append(all, parse[*apps.Deployment](t, text))
		case "batch/v1 Job":
			all = append(all, parse[*batch.Job](t, text))
		case "networking.k8s.io/v1 NetworkPolicy":
			all = append(all, parse[*networking.NetworkPolicy](t, text))
		case "monitoring.coreos.com/v1 PodMonitor":
			all = append(all, parse[*monitoring.PodMonitor](t, text))
		case "monitoring.coreos.com/v1 PrometheusRule":
			all = append(all, parse[*monitoring.PrometheusRule](t, text))
		case "admissionregistration.k8s.io/v1 MutatingAdmissionPolicy":
			all = append(all, parse[*admissionv1.MutatingAdmissionPolicy](t, text))
		case "admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding":
			all = append(all, parse[*admissionv1.MutatingAdmissionPolicyBinding](t, text))
		case "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy":
			all = append(all, parse[*admissionv1.ValidatingAdmissionPolicy](t, text))
		case "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding":
			all = append(all, parse[*admissionv1.ValidatingAdmissionPolicyBinding](t, text))
		case "admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicy":
			all = append(all, parse[*admissionv1beta1.MutatingAdmissionPolicy](t, text))
		case "admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicyBinding":
			all = append(all, parse[*admissionv1beta1.MutatingAdmissionPolicyBinding](t, text))
		default:
			t.Fatalf("no type for %s", kind)
		}
	}
	return all
}

// find returns the only object of type T.
func find[T any](t *testing.T, rendered string) T {
	t.Helper()
	var found []T
	for _, o := range objects(t, rendered) {
		if o, ok := o.(T); ok {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T in:\n%s", len(found), *new(T), rendered)
	}
	return found[0]
}
