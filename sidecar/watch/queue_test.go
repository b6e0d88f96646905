package watch

import (
	"context"
	"testing"
)

// Ended waits for its reader and comes first; Urgent may be withdrawn.
func TestQueue(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	q := newQueue()
	events := []Event{&Urgent{}, &Ended{PID: 1}, &Killed{}, &Ended{PID: 2}, &Urgent{}}
	for _, e := range events { // nothing is read yet
		q.put(e)
	}
	go q.deliver(ctx)
	for _, i := range []int{1, 2, 3, 0} {
		if e := <-q.out; e != events[i] {
			t.Errorf("%T %+v, want %+v", e, e, events[i])
		}
	}
	q.drop(isUrgent)
	if q.has(isUrgent) {
		t.Error("not dropped")
	}
	q.put(events[1])
	e := <-q.out
	if isUrgent(e) { // it was on its way
		e = <-q.out
	}
	if e != events[1] {
		t.Errorf("%T %+v after one was dropped", e, e)
	}
	stop()
	for range q.out { // closed
	}
}
