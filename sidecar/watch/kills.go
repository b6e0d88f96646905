package watch

import (
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// killGrace is the longest time that a killed process may take to end. 190 ms were measured for 6 GiB.
const killGrace = 3 * time.Second

// kills follows the counter of OOM kills of one container. It rises before the killed
// process has ended, and only then it is known which process it was.
type kills struct {
	before *int64          // before the first kill; nil: unknown
	now    *int64          // of the last reading
	since  time.Time       // when the counter was first seen to have risen; zero: it has not
	ended  bool            // a JVM ended since then
	last   *cgroup.Reading // the last one before: readings during the end lack the memory released so far
}

// see takes the counter, nil if it is not known, and the last reading before.
func (k *kills) see(n *int64, at time.Time, last *cgroup.Reading) {
	if n == nil {
		return
	}
	if k.before == nil {
		k.before = n
	}
	k.now = n
	if *n > *k.before && k.since.IsZero() {
		k.since, k.last = at, last
	}
}

// end notes the end of a JVM, and reports whether the counter has risen.
func (k *kills) end() (risen bool) {
	k.ended = !k.since.IsZero()
	return k.ended
}

// settled reports that it is known which process was killed: another one, or a JVM whose
// end was reported.
func (k *kills) settled(at time.Time) bool {
	return !k.since.IsZero() && at.Sub(k.since) >= killGrace
}

// settle starts over.
func (k *kills) settle() { *k = kills{before: k.now, now: k.now} }
