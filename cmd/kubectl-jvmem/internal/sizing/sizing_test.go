package sizing_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet/fleettest"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sizing"
)

var update = flag.Bool("update", false, "write the golden files")

// run runs the command against a server with these pods.
func run(t *testing.T, pods []fleettest.Pod, args ...string) (stdout string, err error) {
	t.Helper()
	server := fleettest.Serve(pods)
	t.Cleanup(server.Close)
	var out, errOut bytes.Buffer
	access := kube.NewAccess("test", genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	cmd := sizing.NewCommand(access)
	access.AddFlags(cmd.PersistentFlags())
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"--server", server.URL, "--kubeconfig", os.DevNull, "--insecure-skip-tls-verify", "--pod-timeout", "1m", "-n", "shop"}, args...))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// pod is a replica whose sidecar replies with a container.
func pod(name, container string) fleettest.Pod {
	p := fleettest.Failing("shop", name, func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("path") != "sizing" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"schema": "jvmem.sizing/v1", "containers": [%s]}`, container)
	})
	p.Labels = map[string]string{"app": "orders", "pod-template-hash": "7c9f6b5d4"}
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "orders-7c9f6b5d4"}}
	memory := resource.MustParse("1Gi")
	c := &p.Spec.Containers[0]
	c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: memory}
	c.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: memory}
	c.Env = []corev1.EnvVar{
		{Name: "JAVA_OPTS", Value: "-Dapp.mode=test"},
		{Name: "JDK_JAVA_OPTIONS", Value: "-XX:+UseParallelGC -XX:MaxRAMPercentage=75 -Dorders.size=10 -XX:MaxMetaspaceSize=64m"},
	}
	return p
}

// sized is a container that needs so many MiB of heap, and beside it.
func sized(heap, rest int64, confidence string) string {
	needed := heap + rest
	return fmt.Sprintf(`{"name": "app", "limit_bytes": %d, "confidence": %q, "missing": ["a day of history"], "recommended": {"limit_bytes": %d, "needed_bytes": %d, "max_heap_bytes": %d,
		"max_metaspace_bytes": %d, "options": ["-XX:+UseG1GC", "-Xmx%dm", "-XX:MaxMetaspaceSize=%dm"]}}`,
		1<<30, confidence, needed<<20*10/9, needed<<20, heap<<20, rest<<20, heap, rest)
}

func replicas() []fleettest.Pod {
	return []fleettest.Pod{
		pod("orders-7c9f6b5d4-a", sized(128, 96, "medium")),
		pod("orders-7c9f6b5d4-b", sized(192, 200, "high")),
		pod("orders-7c9f6b5d4-c", sized(132, 98, "high")),
		pod("orders-7c9f6b5d4-d", `{"name": "app", "limit_bytes": 1073741824, "confidence": "low", "missing": ["history: 40 s since the JVM started is not enough"], "recommended": null}`),
		fleettest.Failing("shop", "orders-7c9f6b5d4-e", fleettest.Text(http.StatusNotFound, "404 page not found\n")),
	}
}

func TestGolden(t *testing.T) {
	leaking := append(replicas(), pod("orders-7c9f6b5d4-f", `{"name": "app", "limit_bytes": 1073741824, "confidence": "low", "leaks": ["thread leak (pool-#)"], "recommended": null}`))
	for i := range leaking {
		leaking[i].Labels = map[string]string{"app": "orders"}
	}
	labelled := replicas()
	labelled[4].Labels = map[string]string{"app": "orders"}
	for _, tt := range []struct {
		name string
		pods []fleettest.Pod
		args []string
	}{
		{"replicas.golden.txt", labelled, []string{"-l", "app=orders"}},
		{"replicas.golden.yaml", labelled, []string{"-l", "app=orders", "-o", "yaml"}},
		{"two.golden.json", replicas(), []string{"orders-7c9f6b5d4-a", "pod/orders-7c9f6b5d4-c", "-o", "json"}},
		{"leaking.golden.txt", leaking, []string{"-l", "app=orders"}},
	} {
		got, err := run(t, tt.pods, tt.args...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		path := filepath.Join("testdata", tt.name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || string(want) != got {
			t.Errorf("%s (%v):\n%s", tt.name, err, got)
		}
	}
	if _, err := run(t, leaking, "-l", "app=orders", "-o", "yaml"); err == nil || !strings.Contains(err.Error(), "leaks") {
		t.Errorf("a patch while a replica leaks: %v", err)
	}
}

// TestPatch applies the patch as the API server does: to the container of that name, all else stays.
func TestPatch(t *testing.T) {
	pods := replicas()
	text, err := run(t, pods, pods[1].Name, "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := patched(t, &pods[1], text)
	for _, quantity := range []resource.Quantity{c.Resources.Limits[corev1.ResourceMemory], c.Resources.Requests[corev1.ResourceMemory]} {
		if quantity.Value() != 436<<20 {
			t.Errorf("the memory is %s", quantity.String())
		}
	}
	want := []corev1.EnvVar{
		{Name: "JAVA_OPTS", Value: "-Dapp.mode=test"},
		{Name: "JDK_JAVA_OPTIONS", Value: "-Dorders.size=10 -XX:+UseG1GC -Xmx192m -XX:MaxMetaspaceSize=200m"},
	}
	if c.Image != pods[1].Spec.Containers[0].Image || !reflect.DeepEqual(c.Env, want) {
		t.Errorf("%+v", c)
	}
}

// TestSeveralJVMs: all JVMs would read the same variable, so the patch has the limit only.
func TestSeveralJVMs(t *testing.T) {
	several := pod("orders-7c9f6b5d4-a", `{"name": "app", "limit_bytes": 1073741824, "confidence": "low", "recommended": {"limit_bytes": 268435456, "needed_bytes": 209715200, "max_heap_bytes": 134217728,
		"options": [], "jvms": [{"pid": 7, "options": ["-XX:+UseG1GC", "-Xmx96m"]}, {"pid": 30, "options": ["-XX:+UseSerialGC", "-Xmx32m"]}]}}`)
	text, err := run(t, []fleettest.Pod{several}, several.Name, "-o", "yaml")
	if err != nil || !strings.Contains(text, "#   of pid 30: -XX:+UseSerialGC -Xmx32m\n") {
		t.Errorf("%v:\n%s", err, text)
	}
	c := patched(t, &several, text)
	if limit := c.Resources.Limits[corev1.ResourceMemory]; limit.Value() < 256<<20 || !reflect.DeepEqual(c.Env, several.Spec.Containers[0].Env) {
		t.Errorf("%+v", c)
	}
	if text, err = run(t, []fleettest.Pod{several}, several.Name); err != nil || !strings.Contains(text, "  options  of pid 7: -XX:+UseG1GC -Xmx96m\n") {
		t.Errorf("%v:\n%s", err, text)
	}
}

// patched returns the first container of a Deployment of a pod after a patch, which may have no
// unknown field.
func patched(t *testing.T, p *fleettest.Pod, patch string) *corev1.Container {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(patch), new(appsv1.Deployment)); err != nil {
		t.Errorf("%v:\n%s", err, patch)
	}
	d := appsv1.Deployment{}
	d.Spec.Template.Spec = p.Spec
	before, err := json.Marshal(&d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		t.Fatal(err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, text, appsv1.Deployment{})
	if err == nil {
		d = appsv1.Deployment{}
		err = json.Unmarshal(after, &d)
	}
	if err != nil || len(d.Spec.Template.Spec.Containers) != len(p.Spec.Containers) {
		t.Fatalf("%v: %s", err, after)
	}
	return &d.Spec.Template.Spec.Containers[0]
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"name pods, or use -l", nil},
		{"name pods, or use -l", []string{"a", "-l", "app=orders"}},
		{"unknown output", []string{"a", "-o", "xml"}},
		{"must be positive", []string{"a", "--pod-timeout", "0s"}},
		{"no pod has a container jvmem", []string{"-l", "app=nothing"}},
		{"select one with -c", []string{"several"}},
		{"no pod could be asked", []string{"orders-7c9f6b5d4-e"}},
	} {
		pods := append(replicas(), pod("several", sized(1, 1, "low")+","+strings.Replace(sized(1, 1, "low"), `"app"`, `"other"`, 1)))
		if _, err := run(t, pods, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}
