package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

const repository = "image.repository=" + node.JvmemRepository

// Other commands than these in README's instructions are run as they are.
var replaced = map[string]string{
	"export REGISTRY": "export REGISTRY=registry.test",
	"make image":      "", // the cluster has the image
	"docker push":     "", // and no registry
}

// The commands of README, with Helm 4, and `helm test` right after the installation.
func (s *suite) testInstall(t *testing.T) {
	s.createDeployment(t, "default", "payments", 1, template(map[string]string{"app": "payments"}))
	s.awaitPodOf(t, "default", "app=payments")
	out, err := s.node.Command(t.Context(), "bash", "-euxo", "pipefail", "-c", s.readme(t)).CombinedOutput()
	if err != nil {
		s.describe(t, "default")
		s.describe(t, "jvmem")
		t.Fatalf("%v\n%s", err, out)
	}
	for _, app := range []string{"payments", "orders", "shop"} {
		var pod *core.Pod
		await(t, "the sidecar in "+app, func() error {
			pod = s.awaitPodOf(t, "default", "app="+app)
			if !hasSidecar(pod) {
				return errNotYet // the pod of before
			}
			return nil
		})
		s.awaitContainer(t, pod, "all rows known", complete)
	}
	s.run(t, "helm", "uninstall", "orders")
	s.run(t, "kubectl", "delete", "deployment", "shop", "payments", "--wait=false")
}

// readme returns the commands for installation, for a copy of the charts.
func (s *suite) readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	script := "cd " + s.charts(t) + "\n"
	commands, ran := false, 0
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "```") {
			commands = line == "```sh\n"
			continue
		}
		if !commands {
			continue
		}
		ran++
		for prefix, other := range replaced {
			if strings.HasPrefix(line, prefix) {
				line = other + "\n"
			}
		}
		line = strings.ReplaceAll(line, "deployment NAME ", "deployment payments ")
		if strings.HasPrefix(line, "helm upgrade --install jvmem ") {
			line = strings.TrimSuffix(line, "\n") + " --set '" + *values + "'\nhelm test jvmem --namespace jvmem\n"
		}
		script += line
	}
	if ran < 10 {
		t.Fatalf("README has only %d commands:\n%s", ran, section)
	}
	return script
}

// charts returns a folder with a copy of the folder charts, in which commands may write.
func (s *suite) charts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "charts"), os.DirFS(filepath.Join(s.root, "charts"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// installFor installs another release of the chart, for all pods of one namespace, and returns
// when it injects into a pod, which must not have the label for the first release.
func (s *suite) installFor(t *testing.T, namespace string, pod core.PodTemplateSpec, values ...string) {
	t.Helper()
	args := []string{"upgrade", "--install", namespace, "charts/jvmem", "--namespace", namespace,
		"--set", "injection.enabled=true", "--set", "injection.allPods=true", "--set", "injection.checkImage=false",
		"--set", `injection.namespaceSelector.matchLabels.kubernetes\.io/metadata\.name=` + namespace}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	s.run(t, "helm", args...)
	t.Cleanup(func() {
		if out, err := s.node.Command(context.Background(), "helm", "uninstall", namespace, "--namespace", namespace).CombinedOutput(); err != nil {
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
	out := s.run(t, "kubectl", "get", "--output", "name", "mutatingadmissionpolicies,mutatingadmissionpolicybindings,"+
		"validatingadmissionpolicies,validatingadmissionpolicybindings", "--selector", "app.kubernetes.io/name=jvmem")
	if out != "" && !strings.Contains(out, "No resources found") {
		t.Errorf("remain:\n%s", out)
	}
}

// The example of the label.
func (s *suite) testExample(t *testing.T) {
	namespace := s.namespace(t, "shop")
	s.run(t, "kubectl", "apply", "--filename", "charts/jvmem/examples/injection/deployment.yaml")
	s.awaitContainer(t, s.awaitPodOf(t, namespace, "app=payments"), "all rows known", complete)
}

// The other examples with Helm 3: the chart that includes the templates, whose PodMonitor is of a
// kind that the cluster does not have, and values only with a post-renderer and an ordinary
// container.
func (s *suite) testHelm3(t *testing.T) {
	namespace := s.namespace(t, "helm3")
	image := node.JvmemRepository + ":" + node.Version
	s.run(t, "bash", "-euxc", fmt.Sprintf(`
		cd %s/charts/jvmem/examples
		helm3 dependency update include
		helm3 upgrade --install orders include --namespace %s --set jvmem.%s
		chmod +x values-only/kustomize.sh
		helm3 upgrade --install shop values-only/shop --namespace %[2]s --values values-only/values-extra-containers.yaml \
			--set "extraContainers[0].image=%[4]s" --post-renderer values-only/kustomize.sh`, s.charts(t), namespace, repository, image))
	for _, app := range []string{"orders", "shop"} {
		s.awaitContainer(t, s.awaitPodOf(t, namespace, "app="+app), "all rows known", complete)
	}
}

// The web configuration comes from a Secret: TLS and a user.
func (s *suite) testTLS(t *testing.T) {
	namespace := s.namespace(t, "tls")
	// The password is "secret".
	web := write(t, "web.yml", `tls_server_config: {cert_file: tls.crt, key_file: tls.key}
basic_auth_users: {oncall: $2b$04$nKmBZiA7MJU6JpdHgPT7GuIduZ8cRrQ.LgNTcVaSa3.9Ktc3HLbCi}
`)
	s.run(t, "kubectl", "create", "secret", "generic", "jvmem-web", "--namespace", namespace, "--from-file", web,
		"--from-file=tls.crt="+s.node.Path("apiserver.crt"), "--from-file=tls.key="+s.node.Path("apiserver.key"))
	app := template(unlabelled)
	s.installFor(t, namespace, app, repository, "web.secret=jvmem-web", "web.tls=true", "readinessProbe=true")
	s.createPod(t, namespace, "app", app)
	pod := s.awaitReady(t, namespace, "app") // its probes use TLS
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: s.node.Dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	for password, want := range map[string]int{"": http.StatusUnauthorized, "secret": http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://%s:%d/breakdown", pod.Status.PodIP, port), nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			request.SetBasicAuth("oncall", password)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != want {
			t.Errorf("password %q: %s", password, response.Status)
		}
	}
}

// The API server accepts the NetworkPolicies.
func (s *suite) testNetworkPolicy(t *testing.T) {
	namespace := s.namespace(t, "policy")
	for _, isolated := range []string{"true", "false"} {
		s.run(t, "sh", "-ec", fmt.Sprintf(`helm template jvmem charts/jvmem --namespace %s --set networkPolicy.enabled=true --set networkPolicy.podsAreIsolated=%s --set %s \
				--show-only templates/networkpolicy.yaml | kubectl apply --namespace %[1]s --filename -`, namespace, isolated, repository))
	}
	policies, err := s.client.NetworkingV1().NetworkPolicies(namespace).List(t.Context(), meta.ListOptions{})
	if err != nil || len(policies.Items) != 1 {
		t.Errorf("%v: %+v", err, policies)
	}
}
