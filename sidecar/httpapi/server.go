package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/httpapi/page"
)

const (
	// Limits for a client to send its request and to receive the response.
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 60 * time.Second
	// Requests have no body and few headers.
	maxHeaderBytes = 16 << 10
	// shutdownTimeout is how long requests under way may take after the end.
	shutdownTimeout = time.Second
	// maxLarge is how many large responses are sent at a time; largeWait is how long
	// other requests for one wait.
	maxLarge  = 4
	largeWait = 5 * time.Second
)

// Serve answers requests on l until the context ends, and finishes those that are then
// under way. web secures them; nil: not at all. warn is called with the errors of the
// server itself.
func Serve(ctx context.Context, l net.Listener, web *Web, handler http.Handler, warn func(text string)) error {
	l = web.listener(&connectionLimiter{Listener: l})
	server := &http.Server{
		Handler:           web.handler(handler),
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       log.New(&ownErrors{warn: warn}, "", 0),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close() // some client does not read
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-stopped // Serve returns when Shutdown begins
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}

// ownErrors passes on the errors of net/http that are about the server. It drops those
// about clients, such as failed handshakes: with these a client could fill the log. Those
// of Accept, which net/http repeats each second, are passed on once an hour.
type ownErrors struct {
	warn   func(text string)
	accept time.Time // of the last one
}

func (e *ownErrors) Write(line []byte) (int, error) {
	accept := bytes.HasPrefix(line, []byte("http: Accept")) && time.Since(e.accept) > time.Hour
	if accept {
		e.accept = time.Now()
	}
	if accept || bytes.HasPrefix(line, []byte("http: panic")) {
		e.warn(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

// Handler serves the state. The loop counts as stuck if the last tick is older than
// maxAge, or if the first sample takes longer than that.
func Handler(s *State, maxAge time.Duration) http.Handler {
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /breakdown", s.breakdown)
	mux.HandleFunc("GET /diagnosis", s.diagnose)
	mux.HandleFunc("GET /owners", s.owners)
	mux.HandleFunc("GET /sizing", s.sizing)
	few := make(chan struct{}, maxLarge)
	mux.HandleFunc("GET /history", large(few, s.history))
	mux.HandleFunc("GET /oom", large(few, func(w http.ResponseWriter, r *http.Request) { show(w, r, s.Autopsies.Report()) }))
	mux.Handle("GET /metrics", metricsHandler(s))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { s.health(w, started, maxAge) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /chart.svg", large(few, s.chart))
	mux.HandleFunc("GET "+page.Dir+"{name}", page.Part)
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusNotFound, "no such path\n\n"+paths)
	})
	return secured(s.gate(mux))
}

// gate refuses what is no probe, as long as ProbesOnly is set.
func (s *State) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ProbesOnly.Load() && !isProbe(r) {
			writeText(w, http.StatusServiceUnavailable, "waiting for a JVM, whose user jvmem will take over (--user=jvm): until then only probes are answered\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isProbe reports whether a request is one of the kubelet's probes. They reveal nothing
// about the JVM.
func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// large handles only a few requests at a time: a response takes megabytes, and a client
// may be slow to receive it.
func large(few chan struct{}, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case few <- struct{}{}:
			defer func() { <-few }()
			answer(w, r)
		case <-r.Context().Done(): // else requests whose connection was closed would pile up here
		case <-time.After(largeWait):
			writeText(w, http.StatusServiceUnavailable, "too many concurrent requests: try again\n")
		}
	}
}

const noSample = "no sample yet: try again\n"

// document has a JSON form and a text form.
type document interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer) error
}

func (s *State) breakdown(w http.ResponseWriter, r *http.Request) {
	report := s.current()
	if report == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	show(w, r, withVerdicts{report, s.latestDiagnosis()})
}

func (s *State) diagnose(w http.ResponseWriter, r *http.Request) {
	verdicts := s.latestDiagnosis()
	if verdicts == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	show(w, r, verdicts)
}

// withVerdicts is a breakdown whose text ends with the verdicts on its containers, and
// begins with them if a JVM's memory cannot be read.
type withVerdicts struct {
	*breakdown.Report
	verdicts *diagnosis.Report
}

func (b withVerdicts) WriteText(w io.Writer) error {
	if b.verdicts == nil {
		return b.Report.WriteText(w)
	}
	parts := []func(io.Writer) error{b.Report.WriteText, b.verdicts.WriteSummaries}
	if b.verdicts.Blind() {
		slices.Reverse(parts)
	}
	for _, part := range parts {
		if err := part(w); err != nil {
			return err
		}
	}
	return nil
}

// show responds in the requested format.
func show(w http.ResponseWriter, r *http.Request, d document) {
	switch format := format(r); format {
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = d.WriteText(w) // the client is gone
	case "json":
		w.Header().Set("Content-Type", "application/json")
		_ = d.WriteJSON(w) // the client is gone
	default:
		writeText(w, http.StatusBadRequest, fmt.Sprintf("unknown format %q: use json or text\n", format))
	}
}

// format returns the format that the query or else the Accept header requests.
func format(r *http.Request) string {
	if format := r.URL.Query().Get("format"); format != "" {
		return format
	}
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "text/plain") && !strings.Contains(accept, "json") {
		return "text"
	}
	return "json"
}

func (s *State) health(w http.ResponseWriter, started time.Time, maxAge time.Duration) {
	report, ticked := s.latestReport()
	if report == nil {
		ticked = started
	}
	switch age := time.Since(ticked); {
	case age > maxAge && report == nil:
		writeText(w, http.StatusServiceUnavailable, fmt.Sprintf("the first sample has taken %s so far\n", age.Round(time.Second)))
	case age > maxAge:
		writeText(w, http.StatusServiceUnavailable, fmt.Sprintf("the last sample is %s old\n", age.Round(time.Second)))
	case report == nil:
		writeText(w, http.StatusOK, "starting\n")
	default:
		writeText(w, http.StatusOK, "ok\n")
	}
}

// ready does not wait for a JVM: Kubernetes starts it only after a native sidecar is
// ready.
func (s *State) ready(w http.ResponseWriter, _ *http.Request) {
	if report, _ := s.latestReport(); report == nil {
		writeText(w, http.StatusServiceUnavailable, "no sample yet\n")
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client is gone
}
