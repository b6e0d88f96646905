package sidecar

import (
	"context"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/server"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// loop samples at once, each interval, and when memory rises to the limit;
// remembers, judges and logs; and explains the end of a JVM. Samples never run
// side by side.
type loop struct {
	options   ServeOptions
	sampler   *Sampler
	watcher   *watch.Watcher
	state     *server.State
	history   *history.Store
	autopsies *autopsy.Store

	samples  int
	verdicts map[string]*verdict // by container
	alive    map[jvmKey]*lastSeen
	logged   time.Time
	// told is the last failure of each kind, which is logged once.
	told map[string]string
}

func newLoop(o ServeOptions, state *server.State) *loop {
	return &loop{
		options: o, sampler: NewSampler(o.Options), watcher: watch.Start(), state: state, history: state.History, autopsies: state.Autopsies,
		verdicts: make(map[string]*verdict), alive: make(map[jvmKey]*lastSeen), told: make(map[string]string),
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
	if err := l.sample(ctx); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			err = l.sample(ctx)
		case event := <-l.watcher.Events():
			err = l.handle(ctx, event)
		}
		if err != nil {
			return err
		}
	}
}

// sample takes one sample and hands it on. The error is about logging.
func (l *loop) sample(ctx context.Context) error {
	begun := time.Now()
	report, err := l.sampler.Sample(ctx)
	if ctx.Err() != nil {
		return nil
	}
	l.warn("watch", l.watcher.Follow(l.sampler.targets(), time.Since(begun)))
	if err != nil {
		report = waiting(err, begun, l.options.Pod)
		l.warnText("sample", report.Sources[0].Reason)
	} else {
		l.warn("sample", nil)
	}
	l.warn("history", l.history.Add(&report))
	if err := l.judge(ctx, &report); err != nil {
		return err
	}
	l.remember(&report)
	l.state.Set(&report)
	return l.log(ctx, &report)
}

// log writes the breakdown, each LogInterval.
func (l *loop) log(ctx context.Context, r *breakdown.Report) error {
	if l.options.LogInterval == 0 || len(r.Containers) == 0 || time.Since(l.logged) < l.options.LogInterval {
		return nil
	}
	l.logged = time.Now()
	return eventlog.Breakdown(ctx, l.options.Log, r, func(c *breakdown.Container) *diagnosis.Diagnosis {
		if v := l.verdicts[containerKey(c)]; v != nil {
			return v.last
		}
		return nil
	})
}

// warn logs an error of a kind, once until it is another one.
func (l *loop) warn(kind string, err error) {
	if err == nil {
		delete(l.told, kind)
		return
	}
	l.warnText(kind, err.Error())
}

func (l *loop) warnText(kind, text string) {
	if l.told[kind] != text {
		l.told[kind] = text
		l.options.Log.Warn(text)
	}
}

// Glance judges a single report: whether the settings fit the limit. What grows
// takes a history.
func Glance(r *breakdown.Report) (*diagnosis.Report, error) {
	once, err := history.Open(history.Options{Retention: time.Hour})
	if err == nil {
		err = once.Add(r)
	}
	if err != nil {
		return nil, err
	}
	return diagnosis.DiagnoseAll(once.Document(time.Time{}, 0)), nil
}
