package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/server"
)

// ServeOptions say how to serve.
type ServeOptions struct {
	Options
	Listen      string        // address of the HTTP server
	Interval    time.Duration // between two samples
	LogInterval time.Duration // between two log lines; 0: none
	Log         *slog.Logger
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
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	var state server.State
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return server.Serve(ctx, listener, server.Handler(&state, missedSamples*o.Interval+sampleGrace))
	})
	group.Go(func() error { return loop(ctx, o, &state) })
	if o.Listening != nil {
		o.Listening(listener.Addr())
	}
	return group.Wait()
}

// loop samples at once and then each interval. A sample that takes longer than
// the interval delays the next one: samples never run side by side.
func loop(ctx context.Context, o ServeOptions, state *server.State) error {
	sampler := NewSampler(o.Options)
	defer sampler.Close()
	ticker := time.NewTicker(o.Interval)
	defer ticker.Stop()
	var logged time.Time
	var last string // the last failure, logged once
	for {
		begun := time.Now()
		report, err := sampler.Sample(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			report = waiting(err, begun, o.Pod)
			if last != err.Error() {
				last = err.Error()
				o.Log.WarnContext(ctx, report.Sources[0].Reason)
			}
		default:
			last = ""
		}
		state.Set(&report)
		if o.LogInterval > 0 && len(report.Containers) > 0 && time.Since(logged) >= o.LogInterval {
			logged = time.Now()
			if err := eventlog.Breakdown(ctx, o.Log, &report); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// waiting is the report when there is none to make: a sidecar may start before
// the JVM, and outlive it.
func waiting(err error, begun time.Time, pod *breakdown.Pod) breakdown.Report {
	source := jvm.Source{Name: "processes", Reason: err.Error()}
	if errors.Is(err, ErrNoJVM) {
		source.Reason = "waiting for a JVM: " + err.Error()
		source.Fix = FixNoJVM
	}
	return breakdown.Report{
		Schema: breakdown.Schema, Time: begun.UTC(), Pod: pod,
		Containers: []breakdown.Container{}, Sources: []jvm.Source{source},
	}
}

// FixNoJVM says what to do when no JVM is in sight.
const FixNoJVM = "let the pod share its process namespace (shareProcessNamespace: true), and run jvmem with the JVM's own user and group"
