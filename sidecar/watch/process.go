package watch

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jvmem/jvmem/jvm"
)

// process is a JVM whose end is awaited.
type process struct {
	handle *jvm.Handle
	// container can be read at the end without a lock. nil: its memory cannot be read.
	container atomic.Pointer[container]
	forget    context.CancelFunc
	target    Target    // as Follow last named it
	left      time.Time // when Follow no longer named it; zero: it does
}

// watch starts to wait for the end of a JVM, once.
func (w *Watcher) watch(k key, c *container, t Target) error {
	if p := w.jvms[k]; p != nil {
		if c != nil {
			p.container.Store(c)
		}
		t.Name = cmp.Or(t.Name, p.target.Name) // its replacement may have it already
		p.target = t
		return nil
	}
	handle, err := jvm.OpenHandle(w.proc, k.pid, k.startTicks)
	if errors.Is(err, jvm.ErrGone) {
		e := &Ended{Time: time.Now()}
		w.end(t, c, c != nil && c.count(e.Time), e)
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	p := &process{handle: handle, forget: cancel, target: t}
	p.container.Store(c)
	w.jvms[k] = p
	w.tasks.Go(func() {
		defer handle.Close()
		defer cancel()
		w.await(ctx, k, p)
	})
	return nil
}

// await waits for the end. It first reads what disappears first: the counter, which is
// removed with the cgroup, then the exit code, until the parent reaps the process.
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
	e.FinalCounters = p.handle.FinalCounters()

	w.mu.Lock()
	defer w.mu.Unlock()
	if c != nil {
		c.kills.see(kills, e.Time, c.pressure.last)
	}
	delete(w.jvms, k)
	w.end(p.target, c, kills != nil, e)
	_ = w.prune() // nothing was written
}

// end completes and sends the event. counted: the counter could still be read.
func (w *Watcher) end(t Target, c *container, counted bool, e *Ended) {
	w.ended[key{t.PID, t.StartTicks}] = true
	e.PID, e.StartTicks, e.Name, e.LimitBytes = t.PID, t.StartTicks, t.Name, t.LimitBytes
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
