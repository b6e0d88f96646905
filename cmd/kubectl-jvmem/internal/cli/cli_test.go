package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

// apiServer answers as the API server does for one namespace.
type apiServer struct {
	t    *testing.T
	pods map[string]string // by name, YAML
	// denied has the requests that RBAC does not permit: "verb resource".
	denied map[string]bool
	// policy is the message of a policy that refuses root; "": there is none.
	policy string

	patched *corev1.Pod // the last patch that was admitted
	dryRun  bool
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const pods = "/api/v1/namespaces/shop/pods"
	switch name, sub, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, pods+"/"), "/"); {
	case r.URL.Path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		s.review(w, r)
	case r.URL.Path == pods:
		s.list(w)
	case r.URL.Path == "/api/v1/pods": // of all namespaces, by label
		s.refuse(w, http.StatusForbidden, "Forbidden", `pods is forbidden: User "me" cannot list resource "pods"`)
	case s.pods[name] == "":
		s.refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("pods %q not found", name))
	case r.Method == http.MethodPatch && sub == "ephemeralcontainers":
		s.patch(w, r, name)
	case r.Method == http.MethodGet && sub == "" && s.denied["get pods"]:
		s.refuse(w, http.StatusForbidden, "Forbidden", fmt.Sprintf(`pods %q is forbidden: User "me" cannot get resource "pods" in API group "" in the namespace "shop"`, name))
	case r.Method == http.MethodGet && sub == "":
		s.write(w, http.StatusOK, s.pod(name))
	default:
		s.t.Errorf("%s %s", r.Method, r.URL)
	}
}

func (s *apiServer) pod(name string) *corev1.Pod {
	var p corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(s.pods[name]), &p); err != nil {
		s.t.Fatal(err)
	}
	p.Kind, p.APIVersion, p.Name, p.Namespace = "Pod", "v1", name, "shop"
	return &p
}

func (s *apiServer) list(w http.ResponseWriter) {
	all := &corev1.PodList{}
	all.Kind, all.APIVersion = "PodList", "v1"
	for name := range s.pods {
		all.Items = append(all.Items, *s.pod(name))
	}
	s.write(w, http.StatusOK, all)
}

func (s *apiServer) patch(w http.ResponseWriter, r *http.Request, name string) {
	text, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/strategic-merge-patch+json" {
		s.t.Errorf("%v, %s", err, r.Header.Get("Content-Type"))
	}
	if s.denied["patch pods/ephemeralcontainers"] {
		s.refuse(w, http.StatusForbidden, "Forbidden", fmt.Sprintf(`pods %q is forbidden: User "me" cannot patch resource "pods/ephemeralcontainers" in API group "" in the namespace "shop"`, name))
		return
	}
	p := new(corev1.Pod)
	if err := json.Unmarshal(text, p); err != nil || len(p.Spec.EphemeralContainers) != 1 {
		s.t.Errorf("%v: %s", err, text)
		return
	}
	if s.policy != "" && *p.Spec.EphemeralContainers[0].SecurityContext.RunAsUser == 0 {
		s.refuse(w, http.StatusForbidden, "Forbidden", s.policy)
		return
	}
	s.patched, s.dryRun = p, r.URL.Query().Get("dryRun") == "All"
	s.write(w, http.StatusOK, s.pod(name))
}

func (s *apiServer) review(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SelfSubjectAccessReview
	text, err := io.ReadAll(r.Body) // JSON or protobuf
	if err == nil {
		_, _, err = scheme.Codecs.UniversalDeserializer().Decode(text, nil, &review)
	}
	if err != nil {
		s.t.Error(err)
		return
	}
	a := review.Spec.ResourceAttributes
	resource := strings.TrimSuffix(a.Resource+"/"+a.Subresource, "/")
	review.Status.Allowed = !s.denied[a.Verb+" "+resource]
	s.write(w, http.StatusCreated, &review)
}

func (s *apiServer) refuse(w http.ResponseWriter, code int, reason, message string) {
	s.write(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

func (s *apiServer) write(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		s.t.Error(err)
	}
}

// plugin runs a command line against the server.
func (s *apiServer) plugin(line string) (code int, stdout, stderr string) {
	s.t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	var out, errs bytes.Buffer
	args := append(strings.Fields(line), "--server="+server.URL, "--namespace=shop")
	code = Run(s.t.Context(), "test", args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got:\n%s", name, err, got)
	}
}

// setEnvironment removes what the developer has set.
func setEnvironment(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	t.Setenv("JVMEM_IMAGE", "")
}

const running = "status: {phase: Running, containerStatuses: [{name: app, state: {running: {}}%s}]}\n"

func bare(status string) string {
	return "spec: {containers: [{name: app}]}\n" + fmt.Sprintf(running, status)
}

const withSidecar = `
spec: {containers: [{name: app}], initContainers: [{name: jvmem, image: 'registry.example.org/jvmem:1', restartPolicy: Always}]}
status: {phase: Running, initContainerStatuses: [{name: jvmem, state: {running: {}}}]}`

func TestHelp(t *testing.T) {
	setEnvironment(t)
	for _, command := range []string{"breakdown", "diagnose", "owners", "oom", "page"} {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), "test", []string{command, "--help"}, nil, &out, &errs); code != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, %s", command, code, errs.String())
		}
		golden(t, "help-"+command+".txt", out.String())
	}
}

// TestDryRun: the printed command lines, and what the API server was asked.
func TestDryRun(t *testing.T) {
	setEnvironment(t)
	s := &apiServer{t: t, pods: map[string]string{
		"injected": withSidecar,
		"image":    bare(""),
		"known":    bare(", user: {linux: {uid: 1000, gid: 1001}}"),
	}}
	for name, line := range map[string]string{
		"sidecar":    "diagnose injected --dry-run",
		"page":       "page pod/injected --dry-run",
		"root":       "breakdown image --dry-run",
		"restricted": "diagnose known --for 20m --dry-run --image registry.example.org/jvmem:2",
		"beside":     "breakdown injected --ephemeral --dry-run --run-as 5:6",
	} {
		if name == "beside" {
			s.pods["injected"] += "\n" // its container must run
			s.pods["injected"] = strings.Replace(s.pods["injected"], "phase: Running,", "phase: Running, containerStatuses: [{name: app, state: {running: {}}}],", 1)
		}
		s.dryRun = true // unless a patch says otherwise
		code, stdout, stderr := s.plugin(line)
		if code != 0 || stderr != "" || !s.dryRun {
			t.Errorf("%s: exit code %d, dry run %t, %s", line, code, s.dryRun, stderr)
		}
		golden(t, "dryrun-"+name+".txt", stdout)
	}
	c := s.patched.Spec.EphemeralContainers[0]
	if c.TargetContainerName != "app" || c.Resources.Limits != nil || c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		t.Errorf("the container %+v", c)
	}
}

// TestErrors: each says what is missing.
func TestErrors(t *testing.T) {
	setEnvironment(t)
	for name, tt := range map[string]struct {
		line   string
		pod    string
		denied []string
		policy string
		want   []string
	}{
		"no pod named": {line: "breakdown", want: []string{"one pod is required"}},
		"no such pod":  {line: "breakdown other", want: []string{`pods "other" not found`}},
		"rbac": {line: "breakdown p --image i", pod: bare(""), denied: []string{"patch pods/ephemeralcontainers", "create pods/portforward"},
			want: []string{`cannot patch resource "pods/ephemeralcontainers"`, `Role of namespace "shop"`,
				"- apiGroups: [\"\"]\n  resources: [\"pods/portforward\"]\n  verbs: [\"create\"]\n- apiGroups: [\"\"]\n  resources: [\"pods/ephemeralcontainers\"]\n  verbs: [\"patch\"]\n"}},
		"rbac, pods": {line: "oom p", pod: bare(""), denied: []string{"get pods"}, want: []string{"resources: [\"pods\"]\n  verbs: [\"get\"]\n"}},
		"policy": {line: "breakdown p --image i", pod: bare(""), policy: `pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0`,
			want: []string{"refused by a policy of the cluster: pods \"p\" is forbidden: violates PodSecurity", "--run-as=UID:GID", "kubectl exec p --namespace=shop --container=app -- id"}},
		"no image":      {line: "breakdown p", pod: bare(""), want: []string{"set --image or JVMEM_IMAGE"}},
		"several":       {line: "breakdown p --image i", pod: strings.Replace(bare(""), "[{name: app}]", "[{name: app}, {name: proxy}]", 1), want: []string{"several containers", "app, proxy"}},
		"not running":   {line: "breakdown p --image i", pod: "spec: {containers: [{name: app}]}\nstatus: {phase: Failed, reason: Evicted, message: low on memory}", want: []string{"pod p does not run: Failed: Evicted: low on memory"}},
		"restarting":    {line: "breakdown p --image i", pod: "spec: {containers: [{name: app}]}\nstatus: {phase: Running, containerStatuses: [{name: app, state: {waiting: {}}, lastState: {terminated: {reason: OOMKilled, exitCode: 137, startedAt: '2026-11-28T10:00:00Z', finishedAt: '2026-11-28T11:00:00Z'}}}]}", want: []string{"container app of pod p does not run: OOMKilled, exit code 137, at 2026-11-28T11:00:00Z after 1h0m0s"}},
		"sidecar waits": {line: "breakdown p", pod: strings.Replace(withSidecar, "running: {}", "waiting: {reason: ImagePullBackOff}", 1), want: []string{"sidecar of pod p does not run: ImagePullBackOff", "--ephemeral"}},
		"bad user":      {line: "breakdown p --image i --run-as app", pod: bare(""), want: []string{"must be UID:GID"}},
	} {
		s := &apiServer{t: t, pods: map[string]string{"p": tt.pod}, denied: map[string]bool{}, policy: tt.policy}
		for _, request := range tt.denied {
			s.denied[request] = true
		}
		code, stdout, stderr := s.plugin(tt.line)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "error: ") || s.patched != nil {
			t.Errorf("%s: exit code %d, %s%s; patched %v", name, code, stdout, stderr, s.patched)
		}
		for _, text := range tt.want {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s: %q lacks %q", name, stderr, text)
			}
		}
	}
}

// TestOOMWithoutSidecar: what Kubernetes recorded.
func TestOOMWithoutSidecar(t *testing.T) {
	setEnvironment(t)
	s := &apiServer{t: t, pods: map[string]string{"p": bare(", restartCount: 3, lastState: {terminated: {reason: OOMKilled, exitCode: 137, startedAt: '2026-11-28T10:00:00Z', finishedAt: '2026-11-28T10:01:30Z'}}")}}
	code, stdout, stderr := s.plugin("oom p")
	const want = "container app: OOMKilled, exit code 137, at 2026-11-28T10:01:30Z after 1m30s; restarts: 3\n"
	if code != 0 || stdout != want || !strings.Contains(stderr, "has no sidecar") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestCompletePods(t *testing.T) {
	setEnvironment(t)
	s := &apiServer{t: t, pods: map[string]string{"orders-1": bare("")}}
	var out, errs bytes.Buffer
	server := httptest.NewServer(s)
	defer server.Close()
	Run(t.Context(), "test", []string{"__complete", "--server=" + server.URL, "--namespace=shop", "oom", ""}, nil, &out, &errs)
	if out.String() != "orders-1\n:4\n" {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}
