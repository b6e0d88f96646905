package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

const repository = "image.repository=" + node.JvmemRepository

// The command of README, with Helm 4, and `helm test` right after it.
func (s *suite) testInstall(t *testing.T) {
	out := s.run(t, "helm", "upgrade", "--install", "jvmem", "charts/jvmem", "--namespace", "jvmem", "--create-namespace",
		"--set", "injection.enabled=true", "--set", repository)
	if !strings.Contains(out, "STATUS: deployed") {
		t.Errorf("helm upgrade --install:\n%s", out)
	}
	if out, err := s.try(t, "helm", "test", "jvmem", "--namespace", "jvmem"); err != nil {
		s.describe(t, "jvmem")
		t.Errorf("%v\n%s", err, out)
	}
}

// installFor installs another release of the chart, for all pods of one namespace, and returns
// when it injects into a pod, which must not have the label for the first release.
func (s *suite) installFor(t *testing.T, namespace string, pod core.PodTemplateSpec, values ...string) {
	t.Helper()
	args := []string{"upgrade", "--install", "jvmem-" + namespace, "charts/jvmem", "--namespace", namespace,
		"--set", "injection.enabled=true", "--set", "injection.allPods=true", "--set", "injection.checkImage=false",
		"--set", `injection.namespaceSelector.matchLabels.kubernetes\.io/metadata\.name=` + namespace}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	s.run(t, "helm", args...)
	t.Cleanup(func() {
		if out, err := s.node.Command(context.Background(), "helm", "uninstall", "jvmem-"+namespace, "--namespace", namespace).CombinedOutput(); err != nil {
			t.Errorf("helm uninstall: %v\n%s", err, out)
		}
	})
	// The policy takes effect a moment later.
	await(t, "the policy", func() error {
		probe := &core.Pod{ObjectMeta: meta.ObjectMeta{Name: "probe", Labels: pod.Labels}, Spec: pod.Spec}
		created, err := s.client.CoreV1().Pods(namespace).Create(t.Context(), probe, meta.CreateOptions{DryRun: []string{meta.DryRunAll}})
		if err == nil && !hasSidecar(created) {
			err = errNotYet
		}
		return err
	})
}

// It leaves no policy that could affect pods.
func (s *suite) testUninstall(t *testing.T) {
	s.run(t, "helm", "uninstall", "jvmem", "--namespace", "jvmem")
	policies, err := s.client.AdmissionregistrationV1().MutatingAdmissionPolicies().List(t.Context(), meta.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := s.client.AdmissionregistrationV1().MutatingAdmissionPolicyBindings().List(t.Context(), meta.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(policies.Items)+len(bindings.Items) > 0 {
		t.Errorf("remain: %+v %+v", policies.Items, bindings.Items)
	}
}

// The example chart that includes the templates, with both versions of Helm. Its PodMonitor is
// of a kind that the cluster does not have.
func (s *suite) testInclude(t *testing.T) {
	chart := s.exampleChart(t)
	for _, helm := range []string{"helm", "helm3"} {
		namespace := s.namespace(t, "include-"+helm)
		s.run(t, helm, "upgrade", "--install", "orders", chart, "--namespace", namespace, "--set", "jvmem."+repository)
		pod := s.awaitPodOf(t, namespace, "app=orders")
		s.awaitContainer(t, pod, "all rows known", complete)
	}
}

// exampleChart returns a copy of the example that includes the chart, with its dependency.
func (s *suite) exampleChart(t *testing.T) string {
	t.Helper()
	// In the folder above it, to which its dependency is relative.
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "jvmem"), os.DirFS(filepath.Join(s.root, "charts/jvmem"))); err != nil {
		t.Fatal(err)
	}
	chart := filepath.Join(dir, "jvmem/examples/include")
	s.run(t, "helm", "dependency", "update", chart)
	return chart
}

// The example of a third-party chart: with Helm 4 and `kubectl apply --kustomize`, and with a
// post-renderer of Helm 3.
func (s *suite) testValuesOnly(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(s.root, "charts/jvmem/examples/values-only"))); err != nil {
		t.Fatal(err)
	}
	image := node.JvmemRepository + ":" + node.Version
	kustomized := s.namespace(t, "values-only")
	s.run(t, "sh", "-ec", fmt.Sprintf(`cd %s
		helm template shop ./shop --values values.yaml --set "initContainers[0].image=%s" > all.yaml
		kubectl apply --namespace %s --kustomize .`, dir, image, kustomized))
	rendered := s.namespace(t, "values-only-helm3")
	s.run(t, "sh", "-ec", fmt.Sprintf(`cd %s
		chmod +x kustomize.sh
		helm3 upgrade --install shop ./shop --namespace %s --values values-extra-containers.yaml --set "extraContainers[0].image=%s" --post-renderer ./kustomize.sh`,
		dir, rendered, image))
	for _, namespace := range []string{kustomized, rendered} {
		pod := s.awaitPodOf(t, namespace, "app=shop")
		s.awaitContainer(t, pod, "all rows known", complete)
	}
}

// The web configuration comes from a Secret: TLS and a user.
func (s *suite) testTLS(t *testing.T) {
	namespace := s.namespace(t, "tls")
	// The password is "secret".
	web := write(t, "web.yml", `tls_server_config: {cert_file: tls.crt, key_file: tls.key}
basic_auth_users: {oncall: $2b$04$nKmBZiA7MJU6JpdHgPT7GuIduZ8cRrQ.LgNTcVaSa3.9Ktc3HLbCi}
`)
	s.run(t, "sh", "-ec", fmt.Sprintf(`cd %s
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=jvmem -keyout tls.key -out tls.crt
		kubectl create secret generic jvmem-web --namespace %s --from-file=web.yml --from-file=tls.crt --from-file=tls.key`,
		filepath.Dir(web), namespace))
	app := template(unlabelled)
	s.installFor(t, namespace, app, repository, "web.secret=jvmem-web", "web.tls=true", "readinessProbe=true")
	s.createPod(t, namespace, "app", app)
	pod := s.awaitReady(t, namespace, "app") // its probes use TLS
	url := fmt.Sprintf("https://%s:%d/breakdown", pod.Status.PodIP, port)
	if out, err := s.try(t, "curl", "--silent", "--show-error", "--fail", "--insecure", url); err == nil || !strings.Contains(out+err.Error(), "401") {
		t.Errorf("without a password: %v\n%s", err, out)
	}
	s.run(t, "curl", "--silent", "--show-error", "--fail", "--insecure", "--user", "oncall:secret", url)
}

// The API server accepts the NetworkPolicies.
func (s *suite) testNetworkPolicy(t *testing.T) {
	namespace := s.namespace(t, "policy")
	for _, isolated := range []string{"true", "false"} {
		s.run(t, "sh", "-ec", fmt.Sprintf(`helm template jvmem charts/jvmem --namespace %s --set networkPolicy.enabled=true --set networkPolicy.podsAreIsolated=%s --show-only templates/networkpolicy.yaml |
			kubectl apply --namespace %[1]s --filename -`, namespace, isolated))
	}
	policies, err := s.client.NetworkingV1().NetworkPolicies(namespace).List(t.Context(), meta.ListOptions{})
	if err != nil || len(policies.Items) != 1 {
		t.Errorf("%v: %+v", err, policies)
	}
}
