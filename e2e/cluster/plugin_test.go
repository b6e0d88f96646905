package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/jvmem/jvmem/e2e/cluster/node"
	"github.com/jvmem/jvmem/e2e/sidecar"
)

// image is the argument without which the plugin takes the image of any sidecar.
const image = "--image=" + node.JvmemRepository + ":" + node.Version

// buildPlugin begins to build kubectl-jvmem, while the cluster starts.
func (s *suite) buildPlugin(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s.plugin = sync.OnceValues(func() (string, error) {
		cmd := exec.CommandContext(ctx, "nice", "-n", "19", "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", dir, ".")
		cmd.Dir = filepath.Join(s.root, "cmd/kubectl-jvmem")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build kubectl-jvmem: %w\n%s", err, out)
		}
		return dir, nil
	})
	go func() { _, _ = s.plugin() }()
	t.Cleanup(func() { _, _ = s.plugin() }) // it writes in the folder, which is removed next
}

// jvmem runs `kubectl jvmem` with the plugin in PATH.
func (s *suite) jvmem(t *testing.T, namespace string, args ...string) (string, error) {
	t.Helper()
	dir, err := s.plugin()
	if err != nil {
		t.Fatal(err)
	}
	const script = `export PATH="$0:$PATH"; exec kubectl jvmem "$@"`
	return s.try(t, "bash", append([]string{"-c", script, dir, "--namespace", namespace}, args...)...)
}

// expect runs `kubectl jvmem`, and returns its output, which must contain some texts.
func (s *suite) expect(t *testing.T, namespace, line string, texts ...string) string {
	t.Helper()
	out, err := s.jvmem(t, namespace, strings.Fields(line)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("kubectl jvmem %s: no %q in\n%s", line, text, out)
		}
	}
	return out
}

// awaitTable runs `kubectl jvmem` until all rows are known, and returns its output.
func (s *suite) awaitTable(t *testing.T, namespace, line string) (out string) {
	t.Helper()
	await(t, "kubectl jvmem "+line, func() (err error) {
		if out, err = s.jvmem(t, namespace, strings.Fields(line)...); err != nil {
			return err
		}
		return completeTable(out)
	})
	return out
}

// completeTable is complete for the text of a breakdown.
func completeTable(text string) error {
	sizes := map[string]string{}
	for line := range strings.Lines(text) {
		if cells := strings.Fields(line); len(cells) > 1 && cells[0] == line[:len(cells[0])] { // no detail
			sizes[cells[0]] = cells[1]
		}
	}
	for _, name := range append(sidecar.RowNames(), "JVM", "unattributed") {
		if size := sizes[name]; size == "" || size == "unknown" {
			return fmt.Errorf("%s: %q\n%s", name, size, text)
		}
	}
	return nil
}

// Pods without a sidecar, for which the plugin adds ephemeral containers.
func (s *suite) testPlugin(t *testing.T) {
	namespace, restricted := s.namespace(t, "plugin"), s.namespace(t, "plugin-restricted", "enforce=restricted")
	names := s.createBarePods(t, namespace)
	pod := template(map[string]string{"app": "app"})
	restrict(&pod)
	pod.Spec.SecurityContext.RunAsUser, pod.Spec.SecurityContext.RunAsGroup = nil, nil
	pod.Spec.Containers[0].Image = node.AppUser
	s.createPod(t, restricted, "app", pod)
	for _, name := range names {
		s.awaitReady(t, namespace, name)
		t.Run(name, func(t *testing.T) {
			s.expect(t, namespace, "breakdown "+name+" "+image, "Pod "+name+" has no sidecar: added the ephemeral container jvmem-1 ", "container app ")
			if again := s.awaitTable(t, namespace, "breakdown "+name); !strings.HasPrefix(again, "Using the ephemeral container jvmem-1,") {
				t.Error(again)
			}
			s.expect(t, namespace, "diagnose "+name+" --for 1s", "Using the ephemeral container jvmem-1,", "Observing for 1s.", "container app: ")
			s.expect(t, namespace, "oom "+name, "has no sidecar", "container app: has not ended; restarts: 0")
		})
	}
	t.Run("dry run", func(t *testing.T) { s.testDryRun(t, namespace, names[0]) })
	t.Run("permissions", func(t *testing.T) { s.testPermissions(t, namespace, names[0]) })
	s.awaitReady(t, restricted, "app")
	t.Run("restricted", func(t *testing.T) { s.testRestricted(t, restricted) })
}

// A dry run prints commands, which work, and runs none of them.
func (s *suite) testDryRun(t *testing.T, namespace, name string) {
	commands := s.expect(t, namespace, "breakdown "+name+" --dry-run "+image)
	if pod, err := s.pod(t, namespace, name); err != nil || len(pod.Spec.EphemeralContainers) != 1 {
		t.Fatalf("%v: not only the container of before: %+v", err, pod.Spec.EphemeralContainers)
	}
	add, read, found := strings.Cut(commands, "\nkubectl exec ")
	if !found {
		t.Fatal(commands)
	}
	s.run(t, "bash", "-c", add)
	await(t, "what the second command prints", func() error {
		out, err := s.try(t, "bash", "-c", "kubectl exec "+read)
		if err != nil {
			return err
		}
		return completeTable(out)
	})
	pod, err := s.pod(t, namespace, name)
	if err != nil || len(pod.Spec.EphemeralContainers) != 2 {
		t.Errorf("%v: %+v", err, pod.Spec.EphemeralContainers)
	}
}

// A user without permissions is told, again and again, which are missing, and needs no others.
func (s *suite) testPermissions(t *testing.T, namespace, name string) {
	role := &rbac.Role{ObjectMeta: meta.ObjectMeta{Name: "dev"}}
	binding := &rbac.RoleBinding{
		ObjectMeta: role.ObjectMeta, RoleRef: rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: "dev"},
		Subjects: []rbac.Subject{{Kind: rbac.ServiceAccountKind, Namespace: namespace, Name: "dev"}},
	}
	roles := s.client.RbacV1().Roles(namespace)
	_, err := roles.Create(t.Context(), role, meta.CreateOptions{})
	if err == nil {
		_, err = s.client.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, meta.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string]bool{}
	for _, line := range []string{"breakdown " + name + " --dry-run " + image, "breakdown " + name} {
		// The API server takes a moment to see a change of a role.
		await(t, line+" with the rules that it demands", func() error {
			_, err := s.jvmem(t, namespace, append(strings.Fields(line), "--as=system:serviceaccount:"+namespace+":dev")...)
			if err == nil {
				return nil
			}
			_, text, _ := strings.Cut(err.Error(), "that is bound to your user:\n")
			var rules []rbac.PolicyRule
			if e := yaml.Unmarshal([]byte(text), &rules); e != nil || len(rules) == 0 {
				t.Fatalf("no rules (%v): %v", e, err)
			}
			for _, rule := range rules {
				granted[fmt.Sprint(rule.APIGroups, rule.Verbs, rule.Resources)] = true
			}
			role.Rules = append(role.Rules, rules...)
			if _, e := roles.Update(t.Context(), role, meta.UpdateOptions{}); e != nil {
				t.Fatal(e)
			}
			return err
		})
	}
	want := map[string]bool{"[] [get] [pods]": true, "[] [create] [pods/portforward]": true, "[] [patch] [pods/ephemeralcontainers]": true}
	if !reflect.DeepEqual(granted, want) {
		t.Errorf("demanded %v, want %v", granted, want)
	}
}

// Where no container may be root, the plugin needs the user that only the image sets, if the
// container runtime does not report it.
func (s *suite) testRestricted(t *testing.T, namespace string) {
	line := "breakdown app " + image
	text := s.run(t, "kubectl", "exec", "app", "--namespace="+namespace, "--container=app", "--", "id")
	id := regexp.MustCompile(`^uid=(1000)\S* gid=(\d+)`).FindStringSubmatch(text)
	if id == nil {
		t.Fatal(text)
	}
	pod, err := s.pod(t, namespace, "app")
	if err != nil {
		t.Fatal(err)
	}
	if pod.Status.ContainerStatuses[0].User == nil {
		_, err := s.jvmem(t, namespace, strings.Fields(line)...)
		if err == nil {
			t.Fatal("no error")
		}
		_, command, found := strings.Cut(err.Error(), "set it by --run-as=UID:GID:\n")
		if !found {
			t.Fatal(err)
		}
		if out := s.run(t, "bash", "-c", command); out != text {
			t.Errorf("%s prints %s, want %s", command, out, text)
		}
		line += " --run-as=" + id[1] + ":" + id[2]
	}
	s.expect(t, namespace, line, "added the ephemeral container jvmem-1 ", fmt.Sprintf("as UID %s, GID %s.", id[1], id[2]))
	s.awaitTable(t, namespace, "breakdown app")
}

// Pods with sidecars, which other tests used before, in the order of testDeployment.
func (s *suite) testPluginOfSidecars(t *testing.T, pods []core.Pod) {
	namespace := pods[0].Namespace
	killed, larger, idle := pods[2].Name, pods[3].Name, pods[4].Name
	s.awaitTable(t, namespace, "breakdown "+idle)
	command := s.expect(t, namespace, "breakdown "+idle+" --dry-run")
	if err := completeTable(s.run(t, "bash", "-c", command)); err != nil {
		t.Errorf("%s: %v", command, err)
	}
	s.expect(t, namespace, "diagnose "+idle, "container app: ")
	s.expect(t, namespace, "owners "+idle, "container app:\n", "native memory", "; `jvmem owners` looks at once")
	s.expect(t, namespace, "oom "+killed, "container app", "OOM killed", "native +")
	s.testTop(t, namespace, killed, len(pods))
	s.testCompare(t, namespace, idle, larger)
}

// The API server accepts the patch with what to set, and the JVMs that it starts have it.
func (s *suite) testSizing(t *testing.T) {
	namespace := s.namespace(t, "sizing")
	pod := template(map[string]string{"app": "sized"})
	s.installFor(t, namespace, pod, repository, "flags.interval=1s")
	s.createDeployment(t, namespace, "sized", 2, pod)
	pods := s.awaitPodsOf(t, namespace, "app=sized", 2)
	for i := range pods {
		s.ask(t, &pods[i], "/garbage?200") // no size before a collection
	}
	var patch string
	await(t, "a patch", func() (err error) {
		patch, err = s.jvmem(t, namespace, "sizing", "-l", "app=sized", "-o", "yaml")
		return err
	})
	header, _, _ := strings.Cut(patch, "\n")
	command := strings.Replace(strings.TrimPrefix(header, "# "), "FILE", write(t, "sizing.yaml", patch), 1)
	s.run(t, "bash", "-c", command+" --namespace "+namespace)
	var sized struct {
		Spec struct{ Template core.PodTemplateSpec }
	}
	if err := yaml.Unmarshal([]byte(patch), &sized); err != nil {
		t.Fatal(err)
	}
	want := sized.Spec.Template.Spec.Containers[0]
	heap := regexp.MustCompile(`-Xmx(\d+)m`).FindStringSubmatch(want.Env[0].Value)
	if want.Resources.Limits.Memory().Value() == limit<<20 || heap == nil || !strings.Contains(want.Env[0].Value, "-XX:TieredStopAtLevel=1") {
		t.Fatal(patch)
	}
	await(t, "pods with the new limit and heap", func() error {
		for _, pod := range s.awaitPodsOf(t, namespace, "app=sized", 2) {
			if !pod.Spec.Containers[0].Resources.Limits.Memory().Equal(*want.Resources.Limits.Memory()) {
				return errNotYet
			}
			text, err := s.try(t, "kubectl", "exec", pod.Name, "--namespace="+namespace, "--container=jvmem", "--", "/jvmem", "sizing")
			if err == nil && !strings.Contains(text, "maximum heap "+heap[1]+".0 MiB") {
				err = errors.New(text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// One pod cannot be asked: its sidecar does not start.
func (s *suite) testTop(t *testing.T, namespace, killed string, count int) {
	s.createPod(t, namespace, "mute", core.PodTemplateSpec{Spec: core.PodSpec{
		TerminationGracePeriodSeconds: new(int64(0)),
		Containers:                    []core.Container{{Name: "jvmem", Image: "registry.test/missing:1"}},
	}})
	t.Cleanup(func() {
		if err := s.client.CoreV1().Pods(namespace).Delete(context.Background(), "mute", meta.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	type pod struct {
		Name          string `json:"pod"`
		Container     string
		Limit         *int64 `json:"limit_bytes"`
		Unreclaimable *int64 `json:"unreclaimable_bytes"`
		OOMKills      *int64 `json:"oom_kills"`
		Verdict       *string
		Reason        string
	}
	await(t, "top", func() error {
		text, err := s.jvmem(t, namespace, "top", "--output", "json")
		if err != nil {
			return err
		}
		var list struct {
			Containers []pod
			NotAsked   []pod `json:"not_asked"`
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		bad := len(list.Containers) != count || len(list.NotAsked) != 1 || list.NotAsked[0].Name != "mute" || list.NotAsked[0].Reason != "sidecar not running"
		for _, p := range list.Containers {
			bad = bad || p.Container != "app" || p.Limit == nil || p.Unreclaimable == nil || p.Verdict == nil ||
				p.OOMKills == nil || (p.Name == killed) != (*p.OOMKills > 0)
		}
		if bad {
			return errors.New(text)
		}
		return nil
	})
	s.expect(t, namespace, "top", "UNRECLAIMABLE", killed, "<sidecar not running>", "1 pod could not be asked (sidecar not running): "+namespace+"/mute")
}

// One pod has 64 MiB of direct buffers more.
func (s *suite) testCompare(t *testing.T, namespace, idle, larger string) {
	text := s.expect(t, namespace, "compare "+idle+" "+larger+" --output json")
	var comparison struct {
		Values []struct {
			Name       string
			Difference *float64
		}
	}
	if err := json.Unmarshal([]byte(text), &comparison); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	found := false
	for _, v := range comparison.Values {
		found = found || v.Name == "row/native" && v.Difference != nil && *v.Difference > 48<<20 && *v.Difference < 80<<20
	}
	if !found {
		t.Errorf("64 MiB are not in the difference: %s", text)
	}
	s.expect(t, namespace, "compare "+idle+" "+larger, idle, larger, "DIFFERENCE", "native ")
}
