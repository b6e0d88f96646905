package watch

import (
	"context"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// container is one whose memory can be read.
type container struct {
	path     cgroup.Path
	files    *cgroup.Handle
	pressure pressure
	kills    kills
	asked    bool    // for a sample, since the last Follow
	gone     bool    // the files were removed, with the cgroup or its controller
	killed   *Killed // the last such event
}

func openContainer(g *cgroup.Group) (*container, error) {
	files, err := g.Handle()
	if err != nil {
		return nil, err
	}
	c := &container{path: g.Path, files: files}
	c.count(time.Now())
	return c, nil
}

// count reads the counter of OOM kills. Where that fails the cgroup is gone: the
// end of its JVMs tells so.
func (c *container) count(now time.Time) (known bool) {
	n, _ := c.files.OOMKills()
	c.kills.see(n, now, c.pressure.last)
	return n != nil
}

// read takes a light reading; nil if the cgroup is gone, or a JVM gives back its memory
// because it ends.
func (c *container) read(ending func(*container) bool) *cgroup.Reading {
	r := new(cgroup.Reading)
	err := c.files.Read(r)
	c.gone = err != nil
	if err != nil || ending(c) {
		return nil
	}
	return r
}

// poll reads what is cheap, and more where that shows that it is time. It returns
// when to poll again.
func (c *container) poll(q *queue, ending func(*container) bool) time.Duration {
	now := time.Now()
	usage, err := c.files.Usage()
	if err != nil {
		c.gone = true
		return slow
	}
	c.count(now)
	if c.kills.settled(now) && !ending(c) {
		c.settle(q)
	}
	if !c.pressure.wants(usage, now) {
		return c.pressure.interval(now)
	}
	r := c.read(ending)
	if r == nil {
		return slow
	}
	c.pressure.add(r)
	if grown, urgent := c.pressure.urgent(now); urgent && !c.asked {
		c.asked = true
		q.put(&Urgent{Time: now, Path: c.path, LimitBytes: *c.pressure.limit, GrownBytes: grown, Last: r})
	}
	return c.pressure.interval(now)
}

// settle tells of kills that no JVM ended by. The last such event has to be taken
// first: so there are never many.
func (c *container) settle(q *queue) {
	if q.has(func(e Event) bool { return e == Event(c.killed) }) {
		return
	}
	if k := c.kills; !k.ended {
		c.killed = &Killed{Time: k.since, Path: c.path, KillsBefore: *k.before, KillsAfter: *k.now, Last: k.last}
		q.put(c.killed)
	}
	c.kills.settle()
}

// eventPause is between two polls that the kernel's events cause: at the limit, with
// page cache that comes and goes, it counts a hit each 10 ms.
const eventPause = 100 * time.Millisecond

// wakeOnEvents makes polls at once when the kernel tells of an event: on cgroup v2.
func (c *container) wakeOnEvents(ctx context.Context, poll chan<- struct{}) {
	for c.files.WaitEvents(ctx) == nil {
		wake(poll) // which takes the event as seen
		select {
		case <-ctx.Done():
		case <-time.After(eventPause):
		}
	}
}
