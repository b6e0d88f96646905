package watch

import (
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// killGrace is how long a killed process may take to end: 190 ms for 6 GiB.
const killGrace = 3 * time.Second

// kills follows the counter of OOM kills of one container. That it rose is known
// before the process that was killed has ended: who it was shows only then.
type kills struct {
	before *int64          // as long as nothing happened; nil: unknown
	now    *int64          // what was read last
	since  time.Time       // when now was first above before; zero: it is not
	ended  bool            // a JVM, since then
	last   *cgroup.Reading // of the time before: what is read while a process ends tells less
}

// see takes what was read, and the last reading before; nil: it could not be.
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

// end takes the end of a JVM, and reports whether the counter has risen.
func (k *kills) end() (risen bool) {
	k.ended = !k.since.IsZero()
	return k.ended
}

// settled reports that a rise is over and who was killed is known: others, or a
// JVM whose end said it all.
func (k *kills) settled(at time.Time) bool {
	return !k.since.IsZero() && at.Sub(k.since) >= killGrace
}

// settle begins anew.
func (k *kills) settle() { *k = kills{before: k.now, now: k.now} }
