package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const (
	// firstLook is the time between two looks for a JVM at first, and a lookShare of the
	// time that passed later, up to the interval.
	firstLook = time.Second
	lookShare = 30
	// waitGrace is how long a sidecar waits for the first JVM before it warns.
	waitGrace = time.Minute
)

// search looks for JVMs between two samples: at the start, while one is starting, and after
// one ended. So the first sample of a JVM is taken about a second after it has started,
// whatever the interval and the CPU throttle.
type search struct {
	since   time.Time // zero: nothing is searched for
	timer   *time.Timer
	missing int  // containers whose last JVM ended, less those that were found since
	seen    bool // there was a JVM
	told    bool // that there is none yet
	warned  bool
}

func newSearch() search {
	timer := time.NewTimer(firstLook)
	timer.Stop()
	return search{timer: timer}
}

func (s *search) found() { s.seen, s.missing = true, max(s.missing-1, 0) }

func (s *search) ended() {
	s.missing++
	s.begin()
}

func (s *search) begin() {
	if s.since.IsZero() {
		s.since = time.Now()
		s.timer.Reset(firstLook)
	}
}

// waiting completes the source of a sample without a JVM. Where one has ended, the namespace is shared.
func (s *search) waiting(source *jvm.Source) {
	if s.seen {
		source.Reason, source.Fix = "the last one has ended", "see how it ended: jvmem get oom, or /oom?format=text"
	}
	source.Reason = "waiting for a JVM: " + source.Reason
}

// unexpected returns the error of a sample without those that say that there is no JVM yet,
// or none any more.
func (s *search) unexpected(err error) error {
	if errors.Is(err, sample.ErrStarting) && (s.since.IsZero() || time.Since(s.since) < waitGrace) {
		return nil
	}
	if errors.Is(err, sample.ErrNoJVM) || s.seen && (errors.Is(err, jvm.ErrGone) || errors.Is(err, jvm.ErrNotJVM)) {
		return nil
	}
	return err
}

// searchOn begins or ends the search, after a sample with its error.
func (l *loop) searchOn(r *breakdown.Report, err error) {
	s := &l.search
	if len(r.Containers) > 0 && s.missing == 0 && !l.sampler.Starting() {
		s.timer.Stop()
		s.since = time.Time{}
		return
	}
	s.begin()
	if errors.Is(err, sample.ErrNoJVM) && !s.seen {
		s.tell(time.Now(), &r.Sources[0], l.options.Log.Logger)
	}
}

// tell logs that there is no JVM yet: once, and once more if that lasts.
func (s *search) tell(now time.Time, source *jvm.Source, log *slog.Logger) {
	switch waited := now.Sub(s.since); {
	case !s.told:
		s.told = true
		log.Info(source.Reason)
	case waited >= waitGrace && !s.warned:
		s.warned = true
		log.Warn(fmt.Sprintf("%s, for %s: if one is running, %s", source.Reason, waited.Round(time.Second), source.Fix))
	}
}

// pause returns the time until the next look.
func (s *search) pause(interval time.Duration) time.Duration {
	return min(max(time.Since(s.since)/lookShare, firstLook), max(interval, firstLook))
}

// look looks for a JVM, and takes a sample if there is one.
func (l *loop) look(ctx context.Context) error {
	s := &l.search
	s.timer.Reset(s.pause(l.options.Interval))
	if !l.sampler.Started(ctx) {
		return nil
	}
	if time.Since(l.forced) < l.options.Interval { // JVMs that end and start all the time
		l.changed = true
		return nil
	}
	l.forced = time.Now()
	return l.sample(ctx)
}
