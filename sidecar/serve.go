package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// ServeOptions say how to serve.
type ServeOptions struct {
	sample.Options
	Listen      string        // address of the HTTP server
	WebConfig   string        // file with TLS and users, see httpapi.OpenWeb; "": plain HTTP for everybody
	Interval    time.Duration // between two samples, or readings of what is cheap
	MaxCPU      float64       // percent of one core, by which samples are made rarer; 0: no limit
	LogInterval time.Duration // between two log lines; 0: none
	Retention   time.Duration // of the history
	StateDir    string        // keeps history and autopsies across restarts; "": in memory only
	Evidence    string        // EvidenceHeap, or ""
	Log         *eventlog.Log
	Version     string // of jvmem
	// Listening is called with the address once requests are taken.
	Listening func(net.Addr)
}

// missedSamples is how many intervals may pass without a sample before the loop
// counts as stuck; sampleGrace is for a sample that waits for a hung JVM.
const (
	missedSamples = 3
	sampleGrace   = time.Minute
)

// Serve samples, logs and answers requests until the context ends.
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
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	remembered, err := history.Open(history.Options{Retention: o.Retention, Dir: o.StateDir})
	if err != nil {
		o.Log.WarnContext(ctx, "the history is kept in memory only, or not complete: "+err.Error())
	}
	autopsies, err := autopsy.Open(o.StateDir)
	if err != nil {
		o.Log.WarnContext(ctx, "earlier autopsies are lost: "+err.Error())
	}
	limitFootprint(o.Proc)
	state := &httpapi.State{History: remembered, Autopsies: autopsies, Version: o.Version, LogDropped: o.Log.Dropped}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return httpapi.Serve(ctx, listener, web, httpapi.Handler(state, missedSamples*o.Interval+sampleGrace), warn)
	})
	group.Go(func() error {
		l := newLoop(o, state)
		defer l.close()
		return l.run(ctx)
	})
	if o.Listening != nil {
		o.Listening(listener.Addr())
	}
	return group.Wait()
}

// waiting is the report when there is none to make: a sidecar may start before
// the JVM, and outlive it.
func waiting(err error, begun time.Time, pod *breakdown.Pod) breakdown.Report {
	source := jvm.Source{Name: "processes", Reason: err.Error()}
	if errors.Is(err, sample.ErrNoJVM) {
		source.Reason = "waiting for a JVM: " + err.Error()
		source.Fix = FixNoJVM
	}
	return breakdown.Report{
		Schema: breakdown.Schema, Time: begun, Pod: pod,
		Containers: []breakdown.Container{}, Sources: []jvm.Source{source},
	}
}

// FixNoJVM says what to do when no JVM is in sight.
const FixNoJVM = "let the pod share its process namespace (shareProcessNamespace: true), and run jvmem with the JVM's own user and group"
