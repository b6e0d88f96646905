package watch

import (
	"context"
	"slices"
	"sync"
)

// queue holds events until they are received, so the watcher never waits for the reader.
// It is bounded: there is one Ended for each JVM that was followed, and at most one event
// of the other kinds for each container.
type queue struct {
	out     chan Event
	changed chan struct{}

	mu     sync.Mutex
	events []Event
}

func newQueue() *queue {
	return &queue{out: make(chan Event), changed: make(chan struct{}, 1)}
}

func (q *queue) put(e Event) {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	wake(q.changed)
}

// drop removes the matching events that have not been received.
func (q *queue) drop(match func(Event) bool) {
	q.mu.Lock()
	before := len(q.events)
	q.events = slices.DeleteFunc(q.events, match)
	dropped := len(q.events) < before
	q.mu.Unlock()
	if dropped { // else the goroutine that delivers would wake a thread for nothing, in each sample
		wake(q.changed)
	}
}

func (q *queue) has(match func(Event) bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.events, match)
}

// first returns the next event and the channel for it, nil if there is none. Urgent events
// come last.
func (q *queue) first() (Event, chan<- Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return nil, nil
	}
	i := max(0, slices.IndexFunc(q.events, func(e Event) bool { return !isUrgent(e) }))
	return q.events[i], q.out
}

// deliver sends the events until the context ends.
func (q *queue) deliver(ctx context.Context) {
	defer close(q.out)
	for {
		next, out := q.first()
		select {
		case out <- next:
			q.drop(func(e Event) bool { return e == next })
		case <-q.changed:
		case <-ctx.Done():
			return
		}
	}
}

func isUrgent(e Event) bool {
	_, ok := e.(*Urgent)
	return ok
}

// wake makes the receiver check, now or as soon as it receives.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
