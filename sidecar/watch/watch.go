package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

// Target is a JVM to follow.
type Target struct {
	PID        int
	StartTicks uint64 // with PID it identifies the JVM
	// Name is that of its container, "" if it is not known, as Ended has it.
	Name string
	// Group is its container. nil or a root cgroup: only the end of the JVM is reported.
	Group *cgroup.Group
	// LimitBytes is the container's memory limit. nil: there is none, and nothing is urgent.
	LimitBytes *int64
}

// Watcher follows JVMs and their containers. It has descriptors of its own.
type Watcher struct {
	proc  string
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup
	queue *queue
	soon  chan struct{} // poll

	mu         sync.Mutex
	jvms       map[key]*process
	containers map[*cgroup.Group]*container
	ended      map[key]bool // Follow may still name them
}

// key identifies a process.
type key struct {
	pid        int
	startTicks uint64
}

// Start starts a Watcher that follows nothing yet, until Close. procfs is "/proc".
func Start(procfs string) *Watcher {
	w := &Watcher{
		proc: procfs, queue: newQueue(), soon: make(chan struct{}, 1),
		jvms: make(map[key]*process), containers: make(map[*cgroup.Group]*container), ended: make(map[key]bool),
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.tasks.Go(w.poll)
	w.tasks.Go(func() { w.queue.deliver(w.ctx) })
	return w
}

// Close ends all waits and closes all descriptors. Events that were not received are
// lost, and the channel is closed.
func (w *Watcher) Close() error {
	w.stop()
	w.tasks.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.jvms) // their goroutines closed them
	return w.prune()
}

// Events returns the channel of events. The watcher does not wait for its reader: Ended
// and Killed are kept until they are received, Urgent until the next Follow.
func (w *Watcher) Events() <-chan Event { return w.queue.out }

// forgetAfter is how long a JVM is watched after Follow last named it: a JVM that is ending
// cannot be identified as one, although it has not ended.
const forgetAfter = 10 * time.Second

// Follow sets the JVMs to watch. Call it after each sample, also after one that failed;
// took is how long the sample took. A JVM that was named before is watched for another
// 10 s, as it may be about to end. The error names what cannot be watched: the next
// Follow tries again.
func (w *Watcher) Follow(targets []Target, took time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return nil
	}
	var errs []error
	named := make(map[key]bool)
	for _, t := range targets {
		k := key{t.PID, t.StartTicks}
		named[k] = true
		if w.ended[k] {
			continue
		}
		c, err := w.container(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("watch the memory of process %d: %w", k.pid, err))
		}
		if err := w.watch(k, c, t); err != nil {
			errs = append(errs, fmt.Errorf("watch for the end of process %d: %w", k.pid, err))
		}
	}
	now := time.Now()
	for k, p := range w.jvms {
		switch {
		case named[k]:
			p.left = time.Time{}
		case p.left.IsZero():
			p.left = now
		case now.Sub(p.left) >= forgetAfter && !p.handle.Ending():
			p.forget()
			delete(w.jvms, k)
		}
	}
	for k := range w.ended {
		if !named[k] {
			delete(w.ended, k)
		}
	}
	errs = append(errs, w.prune())
	w.queue.drop(isUrgent)
	for _, c := range w.containers {
		c.requested = false
		if r := c.read(w.ending); r != nil {
			c.pressure.sampled(r, took)
		}
	}
	return errors.Join(errs...)
}

// container returns the container of a target, nil if it cannot be read.
func (w *Watcher) container(t Target) (*container, error) {
	if t.Group == nil || t.Group.Root {
		return nil, nil
	}
	c := w.containers[t.Group]
	if c == nil || c.gone {
		opened, err := openContainer(t.Group)
		if errors.Is(err, cgroup.ErrGone) {
			return c, nil // and so has the JVM
		} else if err != nil {
			return c, err
		}
		if c != nil {
			_ = c.files.Close() // nothing was written
		}
		c = opened
		w.containers[t.Group] = c
		wake(w.soon) // without a container nothing is polled
		w.tasks.Go(func() { c.wakeOnEvents(w.ctx, w.soon) })
	}
	c.pressure.limit = t.LimitBytes
	return c, nil
}

// prune closes the containers without a JVM.
func (w *Watcher) prune() error {
	used := make(map[*container]bool)
	for _, p := range w.jvms {
		used[p.container.Load()] = true
	}
	var errs []error
	for g, c := range w.containers {
		if !used[c] {
			errs = append(errs, c.files.Close())
			delete(w.containers, g)
		}
	}
	return errors.Join(errs...)
}

// poll polls the containers.
func (w *Watcher) poll() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.soon:
		case <-timer.C:
		}
		if next := w.pollAll(); next > 0 {
			timer.Reset(next)
		} else {
			timer.Stop()
		}
	}
}

// pollAll returns when to poll next; 0: there is no container.
func (w *Watcher) pollAll() (next time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers {
		if in := c.poll(w.queue, w.ending); next == 0 || in < next {
			next = in
		}
	}
	return next
}

// ending reports that a JVM of the container is about to end.
func (w *Watcher) ending(c *container) bool {
	for _, p := range w.jvms {
		if p.container.Load() == c && p.handle.Ending() {
			return true
		}
	}
	return false
}
