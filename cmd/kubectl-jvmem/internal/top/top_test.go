package top_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet/fleettest"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/top"
)

var update = flag.Bool("update", false, "write the golden files")

// run runs the command against a server with these pods.
func run(t testing.TB, pods []fleettest.Pod, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	server := fleettest.Serve(pods)
	t.Cleanup(server.Close)
	return runOn(t, server, args...)
}

func runOn(t testing.TB, server *fleettest.Server, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	access := kube.NewAccess("test", genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	cmd := top.NewCommand(access)
	access.AddFlags(cmd.PersistentFlags())
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"--server", server.URL, "--kubeconfig", os.DevNull, "--insecure-skip-tls-verify", "--pod-timeout", "1m"}, args...))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

// shop has a pod of each kind.
func shop() []fleettest.Pod {
	filtered := fleettest.Status(503, metav1.StatusReasonServiceUnavailable, "error trying to reach service: dial tcp 10.0.0.7:9753: i/o timeout")
	plain := fleettest.New("shop", "nginx-0", "")
	plain.Spec.InitContainers = nil
	waiting := fleettest.New("web", "waiting-0", "")
	waiting.Status.InitContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	return []fleettest.Pod{
		fleettest.New("shop", "calm-0", "jdk17-serial-calm"),
		fleettest.New("shop", "ended-0", "ended"),
		fleettest.Failing("shop", "filtered-0", filtered),
		fleettest.Failing("shop", "filtered-1", filtered),
		fleettest.New("shop", "leak-0", "jdk17-serial-nmt-direct-leak"),
		fleettest.New("shop", "light-0", "jdk17-serial-light-readings"),
		fleettest.New("shop", "new-0", "jdk25-serial-new"),
		plain,
		fleettest.New("web", "other-uid-0", "jdk17-serial-other-uid"),
		fleettest.Failing("web", "password-0", fleettest.Text(401, "authentication required\n")),
		waiting,
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (run with -update): got\n%s\nwant\n%s", file, got, want)
	}
}

func TestTable(t *testing.T) {
	for name, args := range map[string][]string{
		"namespace.golden.txt": {"-n", "shop"},
		"all.golden.txt":       {"-A"},
		"wide.golden.txt":      {"-n", "shop", "-o", "wide"},
	} {
		out, notes, err := run(t, shop(), args...)
		if err != nil {
			t.Error(err)
		}
		golden(t, name, out+"-- standard error\n"+notes)
	}
}

func TestJSON(t *testing.T) {
	out, notes, err := run(t, shop(), "-A", "-o", "json")
	if err != nil || notes != "" {
		t.Error(err, notes)
	}
	var list top.List
	if err := json.Unmarshal([]byte(out), &list); err != nil || list.Schema != top.Schema {
		t.Fatal(err, list.Schema)
	}
	if len(list.Containers) != 5 || len(list.NotAsked) != 5 || len(list.WithoutSidecar) != 1 {
		t.Errorf("%d containers, %d not asked, %d without", len(list.Containers), len(list.NotAsked), len(list.WithoutSidecar))
	}
	var first bytes.Buffer
	encoder := json.NewEncoder(&first)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(list.Containers[0]); err != nil {
		t.Fatal(err)
	}
	golden(t, "leak.golden.json", first.String())
}

// TestNothing: the exit code is not 0 if nothing could be asked, and says what is missing.
func TestNothing(t *testing.T) {
	forbidden := fleettest.Status(403, metav1.StatusReasonForbidden, `pods "a" is forbidden: User "dev" cannot get resource "pods/proxy"`)
	out, notes, err := run(t, []fleettest.Pod{fleettest.Failing("shop", "a", forbidden)}, "-n", "shop")
	if err == nil || !strings.Contains(out, "<forbidden>") || !strings.Contains(notes, `resources: ["pods/proxy"]`) {
		t.Errorf("%v: %s%s", err, out, notes)
	}
	if _, _, err := run(t, nil, "-n", "shop"); err == nil || !strings.Contains(err.Error(), "no pod in namespace shop") {
		t.Error(err)
	}
	for _, args := range [][]string{{"-o", "yaml"}, {"--pod-timeout", "0s"}, {"pod"}} {
		if _, _, err := run(t, shop(), args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	server := fleettest.Failing("shop", "a", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	if _, notes, err := run(t, []fleettest.Pod{server}, "-A"); err == nil || !strings.Contains(notes, "unexpected reply") {
		t.Error(err, notes)
	}
}
