package watch

import (
	"context"
	"os"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// container is a container whose memory can be read.
type container struct {
	path      cgroup.Path
	files     *cgroup.Handle
	pressure  pressure
	kills     kills
	requested bool    // a sample, since the last Follow
	gone      bool    // the files were removed, with the cgroup or its controller
	killed    *Killed // the last such event
}

func openContainer(g *cgroup.Group) (*container, error) {
	files, err := g.Handle()
	if err != nil {
		return nil, err
	}
	c := &container{path: g.Path, files: files, pressure: pressure{pageBytes: int64(os.Getpagesize())}}
	c.count(time.Now())
	return c, nil
}

// count reads the counter of OOM kills. If that fails the cgroup was removed: the end of
// its JVMs is reported.
func (c *container) count(now time.Time) (known bool) {
	n, _ := c.files.OOMKills()
	c.kills.see(n, now, c.pressure.last)
	return n != nil
}

// read takes a light reading; nil if the cgroup was removed, or a JVM is releasing its
// memory because it ends.
func (c *container) read(ending func(*container) bool) *cgroup.Reading {
	r := new(cgroup.Reading)
	err := c.files.Read(r)
	c.gone = err != nil
	if err != nil || ending(c) {
		return nil
	}
	return r
}

// poll reads usage, and takes a light reading if that is due. It returns when to poll
// again.
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
	if !c.pressure.wantsReading(usage, now) {
		return c.pressure.interval(now)
	}
	r := c.read(ending)
	if r == nil {
		return slow
	}
	c.pressure.add(r)
	if grown, urgent := c.pressure.urgent(now); urgent && !c.requested {
		c.requested = true
		q.put(&Urgent{Time: now, Path: c.path, LimitBytes: *c.pressure.limit, GrownBytes: grown, Last: r})
	}
	return c.pressure.interval(now)
}

// settle reports kills by which no JVM ended. The previous such event must have been
// received, so there are never many.
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

// eventPause is the time between two polls that are due to events of the kernel: at the
// limit, with page cache being replaced, it counts a hit every 10 ms.
const eventPause = 100 * time.Millisecond

// wakeOnEvents makes the watcher poll when the kernel notifies of an event, on cgroup v2.
func (c *container) wakeOnEvents(ctx context.Context, poll chan<- struct{}) {
	for c.files.WaitEvents(ctx) == nil {
		wake(poll) // reading the counter acknowledges the event
		select {
		case <-ctx.Done():
		case <-time.After(eventPause):
		}
	}
}
