package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// ServeOptions configure Serve.
type ServeOptions struct {
	sample.Options
	Listen      string        // address of the HTTP server
	WebConfig   string        // file with TLS and users, see httpapi.OpenWeb; "": plain HTTP without authentication
	Interval    time.Duration // between two samples, or light readings
	MaxCPU      float64       // cores that jvmem may use; it samples less often to keep to it; 0: no limit
	LogInterval time.Duration // between two log lines; 0: none
	Retention   time.Duration // of the history
	StateDir    string        // keeps history, incidents and autopsies across restarts; "": they are kept in memory only
	Evidence    evidence.Allowed
	User        string // UserJVM or ""
	Log         *eventlog.Log
	Version     string // of jvmem
	// Listening is called with the address once requests are accepted, Started after the
	// first sample. Both may be nil.
	Listening func(net.Addr)
	Started   func()
}

// missedSamples is how many intervals may pass without a sample before the loop
// counts as stuck; sampleGrace is for a sample that waits for a hung JVM.
const (
	missedSamples = 3
	sampleGrace   = time.Minute
)

// Serve takes samples, logs and serves HTTP until the context ends.
func Serve(ctx context.Context, o ServeOptions) error {
	warn := func(text string) { o.Log.Warn(text) }
	var web *httpapi.Web
	if o.WebConfig != "" {
		var err error
		if web, err = httpapi.OpenWeb(o.WebConfig, warn); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen for HTTP: %w\n  fix: set --listen (JVMEM_LISTEN) to a free port: the containers of a pod share its ports", err)
	} else if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	state := &httpapi.State{Version: o.Version, LogDropped: o.Log.Dropped}
	var l *loop
	if o.User == "" {
		l = openLoop(ctx, o, state)
	}
	state.ProbesOnly.Store(l == nil)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return httpapi.Serve(ctx, listener, web, httpapi.Handler(state, missedSamples*o.Interval+sampleGrace), warn)
	})
	group.Go(func() error {
		if l == nil {
			taken, err := takeUser(ctx, &o, state)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			l = openLoop(ctx, o, state)
			l.user = taken
			state.ProbesOnly.Store(false)
		}
		defer l.close()
		return l.run(ctx)
	})
	if o.Listening != nil {
		o.Listening(listener.Addr())
	}
	if err := group.Wait(); !errors.Is(err, errOtherUser) {
		return err
	}
	return nil
}

// openLoop opens what is kept in StateDir, and returns a loop that has not begun.
func openLoop(ctx context.Context, o ServeOptions, state *httpapi.State) *loop {
	var err error
	if state.History, err = history.Open(history.Options{Retention: o.Retention, Dir: o.StateDir}); err != nil {
		o.Log.WarnContext(ctx, "the history is kept in memory only, or is incomplete: "+err.Error())
	}
	if state.Autopsies, err = autopsy.Open(o.StateDir); err != nil {
		o.Log.WarnContext(ctx, "not all earlier autopsies can be read: "+err.Error())
	}
	kept, err := incidents.Open(o.StateDir)
	if err != nil {
		o.Log.WarnContext(ctx, "not all earlier incidents can be read: "+err.Error())
	}
	return newLoop(o, state, kept)
}
