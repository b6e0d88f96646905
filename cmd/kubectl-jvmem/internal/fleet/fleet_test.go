package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet/fleettest"
)

// long is far more than any reply takes here, on a busy machine too.
const long = time.Minute

// connect returns what the commands use, for a server with these pods.
func connect(t *testing.T, pods ...fleettest.Pod) (*fleettest.Server, kubernetes.Interface, *fleet.Proxy) {
	t.Helper()
	server := fleettest.Serve(pods)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, BearerToken: "of the user"}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := fleet.NewProxy(config)
	if err != nil {
		t.Fatal(err)
	}
	return server, client, proxy
}

func find(t *testing.T, client kubernetes.Interface) []fleet.Target {
	t.Helper()
	targets, _, err := fleet.Find(t.Context(), client, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// TestReasons: each reply that is no report is explained, and does not disturb the others.
func TestReasons(t *testing.T) {
	unreachable := func(text string) http.HandlerFunc {
		return fleettest.Status(503, metav1.StatusReasonServiceUnavailable, "error trying to reach service: "+text)
	}
	documents := func(text string) http.HandlerFunc { return fleettest.Text(200, text) }
	waiting := fleettest.New("shop", "waiting", "")
	waiting.Status.InitContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	pending := fleettest.New("shop", "pending", "")
	pending.Status = corev1.PodStatus{Phase: corev1.PodPending}
	huge := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"schema":"jvmem.breakdown/v1","containers":[`)
		chunk := strings.Repeat(`{"name":"app"},`, 4096)
		for range 1000 { // 60 MB, unless the reader stops
			if _, err := fmt.Fprint(w, chunk); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		pod          fleettest.Pod
		reason, text string
	}{
		{fleettest.Failing("shop", "forbidden", fleettest.Status(403, metav1.StatusReasonForbidden, `pods "x" is forbidden: User "dev" cannot get resource "pods/proxy"`)), fleet.Forbidden, `resources: ["pods/proxy"]`},
		{fleettest.Failing("shop", "logged-out", fleettest.Status(401, metav1.StatusReasonUnauthorized, "Unauthorized")), fleet.Forbidden, "log in"},
		{fleettest.Failing("shop", "password", fleettest.Text(401, "authentication required: use a user and password from the --web.config.file\n")), fleet.Password, "--web-user"},
		{fleettest.Failing("shop", "starting", fleettest.Text(503, "no sample yet: try again\n")), fleet.Starting, "no sample yet"},
		{fleettest.Failing("shop", "old", fleettest.Text(404, "404 page not found\n")), fleet.Older, "update"},
		{fleettest.Failing("shop", "gone", fleettest.Status(404, metav1.StatusReasonNotFound, `pods "gone" not found`)), fleet.Gone, "not found"},
		{fleettest.Failing("shop", "refused", unreachable("dial tcp 10.0.0.7:9753: connect: connection refused")), fleet.Refused, "logs"},
		{fleettest.Failing("shop", "filtered", unreachable("dial tcp 10.0.0.7:9753: i/o timeout")), fleet.Timeout, "NetworkPolicy"},
		{fleettest.Failing("shop", "certificate", unreachable("remote error: tls: certificate required")), fleet.TLS, "client certificate"},
		{fleettest.Failing("shop", "no-route", unreachable("dial tcp 10.0.0.7:9753: connect: no route to host")), fleet.Unreachable, "no route"},
		{fleettest.Failing("shop", "imitation", fleettest.Status(403, metav1.StatusReasonForbidden, "no\x1b[2J")), fleet.Forbidden, "no?[2J"},
		{fleettest.Failing("shop", "broken", fleettest.Text(500, "boom\x1b[31m\nmore")), fleet.BadReply, "500 boom?[31m"},
		{fleettest.Failing("shop", "garbage", documents("<html>hello")), fleet.BadReply, "not JSON"},
		{fleettest.Failing("shop", "cut", documents(`{"schema":"jvmem.breakdown/v1","containers":[{`)), fleet.BadReply, "not JSON"},
		{fleettest.Failing("shop", "wrong-type", documents(`{"schema":"jvmem.breakdown/v1","containers":7}`)), fleet.BadReply, "cannot unmarshal"},
		{fleettest.Failing("shop", "later", documents(`{"schema":"jvmem.breakdown/v9","containers":[]}`)), fleet.BadReply, "jvmem.breakdown/v9"},
		{fleettest.Failing("shop", "huge", huge), fleet.BadReply, "larger than 1024 KiB"},
		{fleettest.New("shop", "ended", "ended"), fleet.NoJVM, "no JVM"},
		{waiting, fleet.NotRunning, "ImagePullBackOff"},
		{pending, fleet.NotRunning, "not started yet"},
	} {
		t.Run(tt.pod.Name, func(t *testing.T) {
			_, client, proxy := connect(t, tt.pod, fleettest.New("shop", "well", "jdk17-serial-calm"))
			answers := proxy.Collect(t.Context(), find(t, client), long, func() {})
			if p := answers[0].Problem; p == nil || p.Reason != tt.reason || !strings.Contains(p.Detail+p.Fix, tt.text) {
				t.Errorf("%+v, want %s with %q", p, tt.reason, tt.text)
			}
			if answers[1].Problem != nil || answers[1].Diagnosis == nil {
				t.Errorf("the other pod: %+v", answers[1].Problem)
			}
		})
	}
}

// TestHang: a sidecar that accepts and says nothing costs its own time only.
func TestHang(t *testing.T) {
	hang := fleettest.Failing("shop", "hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	half := fleettest.Failing("shop", "half", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"schema":`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, client, proxy := connect(t, hang, half)
	for _, a := range proxy.Collect(t.Context(), find(t, client), 100*time.Millisecond, func() {}) {
		if a.Problem == nil || a.Problem.Reason != fleet.Timeout {
			t.Errorf("%s: %v", a.Name(), a.Problem)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	proxy.Collect(ctx, find(t, client), long, func() {}) // returns at once
}

// TestNoVerdict: rows are shown without a verdict too.
func TestNoVerdict(t *testing.T) {
	pod := fleettest.Failing("shop", "half", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("path") == "diagnosis" {
			fleettest.Text(503, "no sample yet: try again\n")(w, r)
			return
		}
		_, _ = w.Write(fleettest.Capture("jdk17-serial-calm", "breakdown"))
	})
	_, client, proxy := connect(t, pod)
	a := proxy.Collect(t.Context(), find(t, client), long, func() {})[0]
	if a.Problem != nil || a.Breakdown == nil || a.NoVerdict == nil || a.NoVerdict.Reason != fleet.Starting {
		t.Errorf("%+v", a)
	}
}

// TestRedirect: a pod does not get the token of the user by a redirect to itself, nor a request to
// another place that the user may read.
func TestRedirect(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("request of %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer stranger.Close()
	pod := fleettest.Failing("shop", "thief", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("the API server gets no token")
		}
		http.Redirect(w, r, stranger.URL, http.StatusFound)
	})
	_, client, proxy := connect(t, pod)
	if a := proxy.Collect(t.Context(), find(t, client), long, func() {})[0]; a.Problem == nil || a.Problem.Reason != fleet.BadReply || !strings.HasPrefix(a.Problem.Detail, "302") {
		t.Errorf("%v", a.Problem)
	}
}

// TestScheme: TLS is used where the probes say so, or where plain HTTP is refused.
func TestScheme(t *testing.T) {
	secure := func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.PathValue("pod"), "https:") {
			fleettest.Text(400, "Client sent an HTTP request to an HTTPS server.\n")(w, r)
			return
		}
		_, _ = w.Write(fleettest.Capture("jdk17-serial-calm", r.PathValue("path")))
	}
	probes := fleettest.Failing("shop", "probes", secure)
	probes.Spec.InitContainers[0].LivenessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Scheme: corev1.URISchemeHTTPS}},
	}
	_, client, proxy := connect(t, probes, fleettest.Failing("shop", "silent", secure))
	targets := find(t, client)
	if targets[0].Scheme != "https" || targets[1].Scheme != "http" {
		t.Errorf("%s, %s", targets[0].Scheme, targets[1].Scheme)
	}
	for _, a := range proxy.Collect(t.Context(), targets, long, func() {}) {
		if a.Problem != nil || a.Diagnosis == nil {
			t.Errorf("%s: %v", a.Name(), a.Problem)
		}
	}
}

// TestFind: all pages are read, pods that ended are left out, and the port is the
// sidecar's.
func TestFind(t *testing.T) {
	ended := fleettest.New("shop", "ended", "")
	ended.Status.Phase = corev1.PodSucceeded
	other := fleettest.New("shop", "other", "")
	other.Spec.InitContainers, other.Labels = nil, map[string]string{"app": "other"}
	plain := fleettest.New("web", "plain", "")
	plain.Spec.Containers = append(plain.Spec.Containers, corev1.Container{Name: "jvmem", Ports: []corev1.ContainerPort{{Name: "jvmem", ContainerPort: 1000}}})
	plain.Spec.InitContainers = nil
	plain.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "jvmem", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	_, client, _ := connect(t, fleettest.New("shop", "a", ""), ended, other, plain)
	for _, tt := range []struct {
		namespace, selector, targets, without string
	}{
		{"", "", "shop/a:9753 web/plain:1000", "other"},
		{"shop", "", "shop/a:9753", "other"},
		{"", "app=other", "", "other"},
	} {
		targets, without, err := fleet.Find(t.Context(), client, tt.namespace, tt.selector)
		if err != nil {
			t.Fatal(err)
		}
		var got, rest []string
		for i := range targets {
			if targets[i].Problem != nil {
				t.Errorf("%s: %v", targets[i].Name(), targets[i].Problem)
			}
			got = append(got, fmt.Sprintf("%s:%d", targets[i].Name(), targets[i].Port))
		}
		for _, p := range without {
			rest = append(rest, p.Name)
		}
		if strings.Join(got, " ") != tt.targets || strings.Join(rest, " ") != tt.without {
			t.Errorf("%q %q: %v, without %v", tt.namespace, tt.selector, got, rest)
		}
	}
	if _, err := fleet.Named(t.Context(), client, "shop", []string{"pod/a", "other"}); err == nil || !strings.Contains(err.Error(), "no container jvmem") {
		t.Error(err)
	}
	if targets, err := fleet.Named(t.Context(), client, "shop", []string{"pod/a"}); err != nil || targets[0].Name() != "shop/a" {
		t.Error(targets, err)
	}
}

// TestAtOnce: not more than 20 pods are asked at a time, with two requests each.
func TestAtOnce(t *testing.T) {
	var pods []fleettest.Pod
	for i := range 100 {
		p := fleettest.New("shop", fmt.Sprintf("orders-%d", i), "jdk17-serial-calm")
		p.Latency = 10 * time.Millisecond
		pods = append(pods, p)
	}
	server, client, proxy := connect(t, pods...)
	for i, a := range proxy.Collect(t.Context(), find(t, client), long, func() {}) {
		if want := fmt.Sprintf("shop/orders-%d", i); a.Name() != want || a.Problem != nil {
			t.Errorf("%s: %v, want %s", a.Name(), a.Problem, want)
		}
	}
	if most := server.Most.Load(); most > 40 {
		t.Errorf("%d requests at a time", most)
	}
}

// TestContainer: the numbers are those of the light reading, if there is one.
func TestContainer(t *testing.T) {
	_, client, proxy := connect(t, fleettest.New("shop", "light", "jdk17-serial-light-readings"))
	light := &proxy.Collect(t.Context(), find(t, client), long, func() {})[0].Breakdown.Containers[0]
	if want := *light.Now.UsageBytes - *light.Now.ReclaimableBytes; *light.Unreclaimable() != want || want == *light.UsageBytes-*light.ReclaimableBytes {
		t.Errorf("unreclaimable %d, want %d", *light.Unreclaimable(), want)
	}
	n := func(n int64) *int64 { return &n }
	c := fleet.Container{UsageBytes: n(10), ReclaimableBytes: n(4), LimitBytes: n(100), OOMKills: n(0), OOMKillsTotal: n(2)}
	if *c.Unreclaimable() != 6 || *c.Limit() != 100 || *c.Kills() != 2 {
		t.Error(*c.Unreclaimable(), *c.Limit(), *c.Kills())
	}
	c = fleet.Container{UsageBytes: n(10), OOMKillsTotal: n(0)}
	if c.Unreclaimable() != nil || c.Limit() != nil || c.Kills() != nil {
		t.Error("unknown is known")
	}
	if c.OOMKillsTotal = n(1); *c.Kills() != 1 {
		t.Error(*c.Kills())
	}
}

func TestFormat(t *testing.T) {
	for bytes, want := range map[float64]string{0: "0Ki", 512: "0.5Ki", 1 << 20: "1Mi", 335544320: "320Mi", 1.5 * (1 << 30): "1.5Gi", -3 << 20: "-3Mi"} {
		if got := fleet.Size(bytes); got != want {
			t.Errorf("%v: %s, want %s", bytes, got, want)
		}
	}
	seconds := 1e300
	if got := fleet.Seconds(&seconds); got == "" || got[0] == '-' {
		t.Error(got)
	}
	if fleet.Seconds(nil) != "-" || fleet.SizeOf(nil) != "-" {
		t.Error("unknown is not -")
	}
	if got := fleet.Lines("rows │ █▍\n\t\x1b]0;owned\a\u202e\n"); got != "rows │ █▍\n\t?]0;owned??\n" {
		t.Errorf("lines: %q", got)
	}
	if got := fleet.Printable("a\x1b[2J\tb\nc", 6); got != "a?[2J…" {
		t.Errorf("%q", got)
	}
}
