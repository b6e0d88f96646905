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
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/httpapi/page"
)

const (
	// A client gets this long to send its request, and to take the answer.
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 60 * time.Second
	// Requests have no body and few headers.
	maxHeaderBytes = 16 << 10
	// shutdownTimeout is what is left to requests under way at the end.
	shutdownTimeout = time.Second
	// maxLarge is how many large answers are given at a time; largeWait how long
	// others wait for it.
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
		ErrorLog:       log.New(ownErrors(warn), "", 0),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close() // a client that does not read
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
// about clients, such as failed handshakes: with these a client could fill the log.
type ownErrors func(text string)

func (warn ownErrors) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("http: panic")) || bytes.HasPrefix(line, []byte("http: Accept")) {
		warn(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

// Handler serves the state. maxAge is how old the latest report may be, or how
// long the first may take from now on, before the loop counts as stuck.
func Handler(s *State, maxAge time.Duration) http.Handler {
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /breakdown", s.breakdown)
	mux.HandleFunc("GET /diagnosis", s.diagnose)
	few := make(chan struct{}, maxLarge)
	mux.HandleFunc("GET /history", large(few, s.history))
	mux.HandleFunc("GET /oom", large(few, func(w http.ResponseWriter, r *http.Request) { show(w, r, s.Autopsies.Report()) }))
	mux.Handle("GET /metrics", metricsHandler(s))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { s.health(w, started, maxAge) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /chart.svg", large(few, s.chart))
	mux.HandleFunc("GET "+page.Dir+"{name}", page.Part)
	mux.HandleFunc("GET /{$}", index)
	return secured(mux)
}

// large answers only a few requests at a time: the answers take megabytes, and a
// client may be slow to take them.
func large(few chan struct{}, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case few <- struct{}{}:
			defer func() { <-few }()
			answer(w, r)
		case <-r.Context().Done(): // else requests whose connection was closed would pile up here
		case <-time.After(largeWait):
			writeText(w, http.StatusServiceUnavailable, "others are being answered: try again in a moment\n")
		}
	}
}

const noSample = "no sample was taken yet: try again in a moment\n"

// shown is what has a form for programs and one for people.
type shown interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer) error
}

func (s *State) breakdown(w http.ResponseWriter, r *http.Request) {
	report := s.current()
	if report == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	show(w, r, withVerdicts{report, s.verdicts()})
}

func (s *State) diagnose(w http.ResponseWriter, r *http.Request) {
	verdicts := s.verdicts()
	if verdicts == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	show(w, r, verdicts)
}

// withVerdicts is a breakdown whose text ends with what is concluded of it.
type withVerdicts struct {
	*breakdown.Report
	verdicts *diagnosis.Report
}

func (b withVerdicts) WriteText(w io.Writer) error {
	err := b.Report.WriteText(w)
	if err == nil && b.verdicts != nil {
		err = b.verdicts.WriteSummaries(w)
	}
	return err
}

// show answers in the form that was asked for.
func show(w http.ResponseWriter, r *http.Request, what shown) {
	switch format := format(r); format {
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = what.WriteText(w) // the client is gone
	case "json":
		w.Header().Set("Content-Type", "application/json")
		_ = what.WriteJSON(w) // the client is gone
	default:
		writeText(w, http.StatusBadRequest, fmt.Sprintf("unknown format %q: json or text\n", format))
	}
}

// format is what the query asks for, else what the client accepts.
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
	report, turned := s.latest()
	if report == nil {
		turned = started
	}
	switch age := time.Since(turned); {
	case age > maxAge && report == nil:
		writeText(w, http.StatusServiceUnavailable, fmt.Sprintf("the first sample takes %s already\n", age.Round(time.Second)))
	case age > maxAge:
		writeText(w, http.StatusServiceUnavailable, fmt.Sprintf("the last sample is %s old\n", age.Round(time.Second)))
	case report == nil:
		writeText(w, http.StatusOK, "starting\n")
	default:
		writeText(w, http.StatusOK, "ok\n")
	}
}

// ready does not wait for a JVM: a native sidecar starts before it, and must be
// ready for it to be started.
func (s *State) ready(w http.ResponseWriter, _ *http.Request) {
	if report, _ := s.latest(); report == nil {
		writeText(w, http.StatusServiceUnavailable, "no sample was taken yet\n")
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client is gone
}
