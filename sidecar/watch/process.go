package watch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jvmem/jvmem/jvm"
)

// process is a JVM whose end is waited for.
type process struct {
	handle *jvm.Handle
	// container is read at the end without waiting for a lock. nil: not readable.
	container atomic.Pointer[container]
	forget    context.CancelFunc
	left      time.Time // when Follow ceased to name it; zero: it does
}

// watch waits for the end of a JVM, unless it does already.
func (w *Watcher) watch(k key, c *container) error {
	if p := w.jvms[k]; p != nil {
		if c != nil {
			p.container.Store(c)
		}
		return nil
	}
	handle, err := jvm.OpenHandle(w.proc, k.pid, k.startTicks)
	if errors.Is(err, jvm.ErrGone) {
		e := &Ended{Time: time.Now()}
		w.end(k, c, c != nil && c.count(e.Time), e)
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	p := &process{handle: handle, forget: cancel}
	p.container.Store(c)
	w.jvms[k] = p
	w.tasks.Go(func() {
		defer handle.Close()
		defer cancel()
		w.await(ctx, k, p)
	})
	return nil
}

// await waits for the end. The order is that of how long things last: the counter
// until the cgroup is removed, the exit code until the parent has reaped.
func (w *Watcher) await(ctx context.Context, k key, p *process) {
	if p.handle.Wait(ctx) != nil {
		return // forgotten, or closed
	}
	c := p.container.Load()
	var kills *int64
	if c != nil {
		kills, _ = c.files.OOMKills()
	}
	e := &Ended{Time: time.Now()}
	e.Exit = p.handle.Exit(ctx)
	e.Words = p.handle.FinalCounters()

	w.mu.Lock()
	defer w.mu.Unlock()
	if c != nil {
		c.kills.see(kills, e.Time, c.pressure.last)
	}
	delete(w.jvms, k)
	w.end(k, c, kills != nil, e)
	_ = w.prune() // nothing was written
}

// end completes what is told of an end, and tells it; counted: the counter could
// still be read.
func (w *Watcher) end(k key, c *container, counted bool, e *Ended) {
	w.ended[k] = true
	e.PID, e.StartTicks = k.pid, k.startTicks
	if c != nil {
		e.Path = c.path
		e.KillsBefore, e.Last = c.kills.before, c.pressure.last
		if risen := c.kills.end(); risen {
			e.KillsAfter, e.Last = c.kills.now, c.kills.last
		} else if counted {
			e.KillsAfter = c.kills.now
		}
	}
	w.queue.put(e)
}
