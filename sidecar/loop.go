package sidecar

import (
	"context"
	"fmt"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/sample"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// loop samples at once, each interval as far as the CPU throttle allows, and when memory rises
// to the limit; remembers, judges and logs; and explains the end of a JVM. Where it
// does not sample it notes what is cheap. Samples never run side by side.
type loop struct {
	options   ServeOptions
	sampler   *sample.Sampler
	readings  *sample.Readings
	throttle  *sample.Throttle
	watcher   *watch.Watcher
	state     *httpapi.State
	history   *history.Store
	autopsies *autopsy.Store

	turns    int
	due      int                 // the turn of the next verdict
	changed  bool                // a JVM ended since the last sample
	verdicts map[string]*verdict // by container
	alive    map[jvmKey]*lastSeen
	logged   time.Time
	// told is the last failure of each kind, which is logged once.
	told map[string]string
}

func newLoop(o ServeOptions, state *httpapi.State) *loop {
	return &loop{
		options: o, sampler: sample.New(o.Options), readings: sample.NewReadings(), throttle: sample.NewThrottle(o.MaxCPU/100, o.Interval, sample.Spent()),
		watcher: watch.Start(), state: state, history: state.History, autopsies: state.Autopsies,
		verdicts: make(map[string]*verdict), alive: make(map[jvmKey]*lastSeen), told: make(map[string]string),
	}
}

func (l *loop) close() {
	_ = l.watcher.Close() // nothing was written
	_ = l.readings.Close()
	_ = l.sampler.Close()
	l.warn("history", l.history.Close())
}

func (l *loop) run(ctx context.Context) error {
	ticker := time.NewTicker(l.options.Interval)
	defer ticker.Stop()
	if err := l.tick(ctx); err != nil {
		return err
	}
	leaveStart()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			err = l.tick(ctx)
		case event := <-l.watcher.Events():
			err = l.handle(ctx, event)
		}
		if err != nil {
			return err
		}
	}
}

// tick samples, or notes what is cheap. The error is about logging.
func (l *loop) tick(ctx context.Context) error {
	if l.throttle.Affords(sample.Spent()) || l.changed {
		return l.sample(ctx)
	}
	l.turns++
	l.warn("history", l.readings.Note(l.history))
	l.state.Tick(l.cost())
	return nil
}

// sample takes one sample and hands it on. The error is about logging.
func (l *loop) sample(ctx context.Context) error {
	l.throttle.Begin(sample.Spent())
	defer func() { l.throttle.End(sample.Spent()) }()
	l.turns++
	l.changed = false
	begun := time.Now()
	report, err := l.sampler.Sample(ctx)
	if ctx.Err() != nil {
		return nil
	}
	targets := l.sampler.Targets()
	l.warn("watch", l.watcher.Follow(targets, time.Since(begun)))
	l.warn("readings", l.readings.Follow(&report, targets))
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
	l.state.SetReport(&report)
	l.state.Tick(l.cost())
	return l.log(ctx, &report)
}

// rareSamples is how many intervals lie between two samples where that is worth a
// warning.
const rareSamples = 6

// cost tells what jvmem takes, and what that does to the samples.
func (l *loop) cost() httpapi.Cost {
	c := httpapi.Cost{CPURatio: l.throttle.Ratio()}
	if l.options.MaxCPU > 0 {
		c.MaxCPURatio = new(l.options.MaxCPU / 100)
	}
	every, known := l.throttle.Stretch()
	if !known {
		return c
	}
	c.SampleInterval = &every
	switch rare := rareSamples * l.options.Interval; {
	case every > rare && l.options.MaxCPU > 0:
		l.warnText("throttle", fmt.Sprintf("rows are read far less often than each %s, to take no more than %g %% of a core: raise --max-cpu (0: no limit) to have them more often", l.options.Interval, l.options.MaxCPU))
	case every < rare/2:
		l.warn("throttle", nil)
	}
	return c
}

// log writes the breakdown, each LogInterval.
func (l *loop) log(ctx context.Context, r *breakdown.Report) error {
	if l.options.LogInterval == 0 || len(r.Containers) == 0 || time.Since(l.logged) < l.options.LogInterval {
		return nil
	}
	l.logged = time.Now()
	return l.options.Log.Breakdown(ctx, r, func(c *breakdown.Container) *diagnosis.Diagnosis {
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
