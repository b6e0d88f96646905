package sidecar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/evidence"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
	"github.com/jvmem/jvmem/sidecar/user"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// loop takes samples: at once, each interval as far as the CPU throttle allows, and when
// memory rises towards the limit. It adds them to the history, judges and logs them, and
// explains the end of a JVM. At an interval without a sample it takes light readings.
type loop struct {
	options   ServeOptions
	sampler   *sample.Sampler
	throttle  *sample.Throttle
	watcher   *watch.Watcher
	evidence  *evidence.Collector
	state     *httpapi.State
	history   *history.Store
	autopsies *autopsy.Store
	incidents *incidents.Store

	user     *user.JVM             // whose user jvmem has taken over; nil: as started
	foreign  time.Time             // since when only JVMs of other users run; zero: they don't
	pace     diagnosis.Pace        // of the verdicts
	search   search                // for JVMs
	changed  bool                  // the next tick takes a sample, whatever it costs
	forced   time.Time             // when a sample was taken whatever it costs, between two ticks
	latest   breakdown.Report      // the last report
	verdicts map[rows.Key]*verdict // by container
	alive    map[jvmKey]*lastSeen
	logged   time.Time
	// warned is the last warning of each kind, which is logged once.
	warned map[string]string
}

// patience is how long a sample waits for a container whose JVM does not answer.
const patience = time.Second

// stillFor is the time between two samples while nothing moves; at longer intervals each takes one.
const stillFor = 5 * time.Second

func newLoop(o ServeOptions, state *httpapi.State, kept *incidents.Store) *loop {
	o.Patience = patience
	sampler := sample.New(o.Options)
	return &loop{
		options: o, sampler: sampler, throttle: sample.NewThrottle(o.MaxCPU, o.Interval, sample.Spent()),
		watcher: watch.Start(o.Proc), evidence: evidence.New(o.Proc, o.Evidence, sampler.Lend),
		search: newSearch(), state: state, history: state.History, autopsies: state.Autopsies, incidents: kept,
		verdicts: make(map[rows.Key]*verdict), alive: make(map[jvmKey]*lastSeen), warned: make(map[string]string),
	}
}

func (l *loop) close() {
	_ = l.watcher.Close() // nothing was written
	_ = l.sampler.Close()
	l.warn("history", l.history.Close())
}

func (l *loop) run(ctx context.Context) error {
	ticker := time.NewTicker(l.options.Interval)
	defer ticker.Stop()
	if err := l.tick(ctx); err != nil {
		return err
	}
	if l.options.Started != nil {
		l.options.Started()
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			err = l.tick(ctx)
		case <-l.search.timer.C:
			err = l.look(ctx)
		case event := <-l.watcher.Events():
			err = l.handle(ctx, event)
		case <-l.sampler.Late():
			if report, ok := l.sampler.TakeLate(); ok {
				err = l.publish(ctx, report)
			}
		}
		if err != nil {
			return err
		}
	}
}

// tick takes a sample, or light readings. The error is about logging.
func (l *loop) tick(ctx context.Context) error {
	l.throttle.Defer(l.sampler.Deferred())
	now := sample.Spent()
	affords := l.throttle.Affords(now)
	needed := l.needed()
	if affords && needed || l.changed {
		err := l.sample(ctx)
		if l.throttle.AffordsWalk() {
			l.sampler.Walk()
		}
		return err
	}
	if !needed {
		l.throttle.Waive(now)
	}
	l.pace.Reading()
	l.warn("readings", l.sampler.Record(l.history, &l.latest))
	if l.resized() {
		return l.sample(ctx)
	}
	l.state.Tick(l.cost())
	return nil
}

// needed reports whether a sample would show more than the last one, or brings the first verdict nearer.
func (l *loop) needed() bool {
	return time.Since(l.latest.Time) > stillFor-l.options.Interval/2 || l.logDue() ||
		slices.ContainsFunc(l.latest.Containers, l.unjudged) || !l.sampler.Still(&l.latest)
}

// resized reports whether a container has another limit than in the last report.
func (l *loop) resized() (changed bool) {
	for i := range l.latest.Containers {
		c := &l.latest.Containers[i]
		if l.sampler.Reading(c.Path()) {
			continue // a sample would not show it
		}
		l.history.Container(c, func(h *history.Container) {
			limit := h.Latest(history.Limit)
			changed = changed || limit != nil && c.Limited != nil && (c.LimitBytes == nil || *c.LimitBytes != *limit)
		})
	}
	return changed
}

// sample takes one sample and publishes it. The error is about logging.
func (l *loop) sample(ctx context.Context) error {
	l.throttle.Begin(sample.Spent())
	defer func() {
		l.throttle.Defer(l.sampler.Deferred())
		l.throttle.End(sample.Spent())
	}()
	l.changed = false
	begun := time.Now()
	report, err := l.sampler.Sample(ctx)
	if ctx.Err() != nil {
		return nil
	}
	l.warn("watch", l.watcher.Follow(l.sampler.Targets(), time.Since(begun)))
	if errors.Is(err, sample.ErrNoJVM) { // a sidecar may start before the JVM, and outlive it
		l.search.waiting(&report.Sources[0])
	}
	l.warn("sample", l.search.unexpected(err))
	if err := l.publish(ctx, report); err != nil {
		return err
	}
	if err := l.checkUser(ctx); err != nil {
		return err
	}
	l.searchOn(&report, err)
	// Of a container whose JVM has not answered yet, what the kernel counts is known.
	report.Containers = slices.DeleteFunc(slices.Clone(report.Containers), func(c breakdown.Container) bool { return c.ReadAt == nil })
	if len(report.Containers) > 0 {
		l.warn("readings", l.sampler.Record(l.history, &report))
	}
	return nil
}

// publish adds a report to the history, judges it, shows it and logs it. The error is
// about logging.
func (l *loop) publish(ctx context.Context, report breakdown.Report) error {
	l.latest = report
	l.warn("history", l.history.Add(&report))
	if err := l.judge(ctx, &report); err != nil {
		return err
	}
	for i := range report.Containers {
		l.evidence.Tend(ctx, report.Time, &report.Containers[i])
	}
	l.addOwners(&report)
	l.remember(&report)
	l.state.SetReport(&report)
	l.state.Tick(l.cost())
	return l.log(ctx, &report)
}

// rareSamples is the number of intervals between two samples from which on a warning is
// logged.
const rareSamples = 6

// cost returns the CPU time that jvmem uses, and the resulting time between two samples.
func (l *loop) cost() httpapi.Cost {
	c := httpapi.Cost{CPURatio: l.throttle.Ratio()}
	if l.options.MaxCPU > 0 {
		c.MaxCPURatio = new(l.options.MaxCPU)
	}
	every, known := l.throttle.Interval()
	if !known {
		return c
	}
	c.SampleInterval = &every
	switch rare := rareSamples * l.options.Interval; {
	case every > rare && l.options.MaxCPU > 0:
		l.warn("throttle", fmt.Errorf("containers are sampled far less often than every %s, to use no more than %gm of CPU: raise --max-cpu (0: no limit) to sample them more often", l.options.Interval, 1000*l.options.MaxCPU))
	case every < rare/2:
		l.warn("throttle", nil)
	}
	return c
}

// log writes the breakdown, every LogInterval.
func (l *loop) log(ctx context.Context, r *breakdown.Report) error {
	if len(r.Containers) == 0 || !l.logDue() {
		return nil
	}
	l.logged = time.Now()
	return l.options.Log.Breakdown(ctx, r, func(c *breakdown.Container) *diagnosis.Diagnosis {
		if v := l.verdicts[c.Key()]; v != nil {
			return v.last
		}
		return nil
	})
}

// logDue reports whether it is time for the next log line.
func (l *loop) logDue() bool {
	return l.options.LogInterval > 0 && time.Since(l.logged) >= l.options.LogInterval
}

// warn logs an error of a kind, once until it changes. nil: the error is gone.
func (l *loop) warn(kind string, err error) {
	if jvm.NoDescriptor(err) { // what fails differs each time
		err = fmt.Errorf("%s: too many open files: %s", kind, jvm.FixFor(err))
	}
	switch {
	case err == nil:
		delete(l.warned, kind)
	case l.warned[kind] != err.Error():
		l.warned[kind] = err.Error()
		l.options.Log.Warn(err.Error())
	}
}

// DiagnoseOnce judges a single report: whether the settings fit the limit. Judging growth
// requires a history.
func DiagnoseOnce(r *breakdown.Report) (*diagnosis.Report, error) {
	once, err := history.Open(history.Options{Retention: time.Hour})
	if err == nil {
		err = once.Add(r)
	}
	if err != nil {
		return nil, err
	}
	return diagnosis.DiagnoseAll(once.Document(time.Time{}, 0)), nil
}
