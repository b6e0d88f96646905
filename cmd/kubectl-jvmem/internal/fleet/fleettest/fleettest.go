// Package fleettest is an API server with pods whose sidecars reply as real ones did, or
// fail as real ones do, for tests and for the benchmark of 500 pods.
package fleettest

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// captures has replies of real sidecars beside real JVMs, a folder each.
//
//go:embed testdata
var captures embed.FS

// Capture returns a document of a capture: breakdown, diagnosis or history.
func Capture(name, document string) []byte {
	text, err := captures.ReadFile(path.Join("testdata", name, document+".json"))
	if err != nil {
		panic(err) // the test names a capture that is not there
	}
	return text
}

// Age is how old a capture is when it is sent, by the clock of the sidecar.
const Age = 4 * time.Second

// Pod is a pod of the server.
type Pod struct {
	*corev1.Pod
	// Capture is what its sidecar replies; "": Handler does.
	Capture string
	Handler http.HandlerFunc
	// Latency is how long the API server takes to pass on a reply.
	Latency time.Duration
}

// New returns a pod with a native sidecar that runs, and replies with a capture.
func New(namespace, name, capture string) Pod {
	always := corev1.ContainerRestartPolicyAlways
	return Pod{Capture: capture, Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			NodeName: "node-1",
			InitContainers: []corev1.Container{{
				Name: "jvmem", RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "jvmem", ContainerPort: 9753}},
			}},
			Containers: []corev1.Container{{Name: "app"}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{{
				Name: "jvmem", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		},
	}}
}

// Failing returns a pod whose sidecar, or the way to it, replies with a handler.
func Failing(namespace, name string, handler http.HandlerFunc) Pod {
	p := New(namespace, name, "")
	p.Handler = handler
	return p
}

// Status is a reply of the API server itself.
func Status(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, code, reason, message) }
}

// Text is a reply of the sidecar.
func Text(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	}
}

// Server is an API server with pods.
type Server struct {
	*httptest.Server
	pods []Pod
	// Most is the largest number of requests to sidecars at a time.
	Most, now atomic.Int64
}

// Serve starts a server with plain HTTP.
func Serve(pods []Pod) *Server {
	s := newServer(pods)
	s.Start()
	return s
}

// ServeTLS starts a server with TLS and HTTP/2, as a real API server has them.
func ServeTLS(pods []Pod) *Server {
	s := newServer(pods)
	s.EnableHTTP2 = true
	s.StartTLS()
	return s
}

func newServer(pods []Pod) *Server {
	s := &Server{pods: pods}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/pods", s.list)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods", s.list)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}", s.get)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/proxy/{path...}", s.proxy)
	s.Server = httptest.NewUnstartedServer(mux)
	return s
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		writeStatus(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
	for _, p := range s.pods {
		if namespace := r.PathValue("namespace"); (namespace == "" || namespace == p.Namespace) && selector.Matches(labels.Set(p.Labels)) {
			list.Items = append(list.Items, *p.Pod)
		}
	}
	// Two pages, if there are several pods.
	if half := len(list.Items) / 2; half > 0 && r.URL.Query().Get("limit") != "" {
		if r.URL.Query().Get("continue") == "" {
			list.Items, list.Continue = list.Items[:half], "second"
		} else {
			list.Items = list.Items[half:]
		}
	}
	write(w, http.StatusOK, list)
}

func (s *Server) find(namespace, name string) *Pod {
	for i := range s.pods {
		if p := &s.pods[i]; p.Namespace == namespace && p.Name == name {
			return p
		}
	}
	return nil
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	p := s.find(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		writeStatus(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("pods %q not found", r.PathValue("pod")))
		return
	}
	pod := *p.Pod
	pod.TypeMeta = metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}
	write(w, http.StatusOK, pod)
}

// proxy replies as the API server does: [https:]name:port selects the pod.
func (s *Server) proxy(w http.ResponseWriter, r *http.Request) {
	now := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.Most.Load(); now > most && !s.Most.CompareAndSwap(most, now); most = s.Most.Load() {
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.PathValue("pod"), "https:"), ":")
	p := s.find(r.PathValue("namespace"), name)
	switch {
	case p == nil:
		writeStatus(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("pods %q not found", name))
	case p.Capture == "":
		p.Handler(w, r)
	default:
		time.Sleep(p.Latency)
		body := Capture(p.Capture, r.PathValue("path"))
		var document struct{ Time time.Time }
		if err := json.Unmarshal(body, &document); err != nil {
			panic(err) // a capture is damaged
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", document.Time.Add(Age).UTC().Format(http.TimeFormat))
		_, _ = w.Write(body) // the client is gone
	}
}

func writeStatus(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	write(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

func write(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object) // the client is gone
}
