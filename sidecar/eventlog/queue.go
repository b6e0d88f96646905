package eventlog

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// maxQueueBytes is some 60 lines: an hour of breakdowns of one container.
	maxQueueBytes = 256 << 10
	// flushTimeout is what Close leaves to a reader that is slow.
	flushTimeout = 500 * time.Millisecond
)

// Queue takes lines without waiting for who reads them, so that a log pipe that is
// stuck stops nobody. When it is full it drops the oldest line of those that matter
// least, and a line tells how many before the next one. Its methods may be called
// concurrently.
type Queue struct {
	w      io.Writer
	notice *slog.Logger // writes to w

	mu      sync.Mutex
	more    *sync.Cond // lines, or the end
	lines   []queued   // the oldest first
	bytes   int        // in lines
	dropped int        // and not told yet
	total   int64      // dropped ever
	closed  bool
	err     error // of w
	done    chan struct{}
}

type queued struct {
	rank rank
	text []byte
}

// rank is how much a line matters: a breakdown comes again, an autopsy does not.
type rank int

const (
	rankBreakdown rank = iota
	rankOther
	rankAutopsy
)

// rankOf finds out what a line is. What a container names itself cannot pretend to be
// another one: quotes in a text are escaped.
func rankOf(line []byte) rank {
	switch {
	case bytes.Contains(line, []byte(`"log":{"logger":"`+datasetAutopsy+`"}`)):
		return rankAutopsy
	case bytes.Contains(line, []byte(`"log":{"logger":"`+datasetBreakdown+`"}`)):
		return rankBreakdown
	}
	return rankOther
}

// NewQueue returns a queue of lines for w, of a jvmem of this version. Close it.
func NewQueue(w io.Writer, version string) *Queue {
	q := &Queue{w: w, notice: New(w, version), done: make(chan struct{})}
	q.more = sync.NewCond(&q.mu)
	go q.run()
	return q
}

// Write takes one line. The error is that of an earlier line.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, q.err
	}
	q.lines = append(q.lines, queued{rankOf(line), bytes.Clone(line)})
	q.bytes += len(line)
	for q.bytes > maxQueueBytes {
		q.drop()
	}
	q.more.Signal()
	return len(line), nil
}

// drop drops the oldest line of the lowest rank.
func (q *Queue) drop() {
	least := 0
	for i := range q.lines {
		if q.lines[i].rank < q.lines[least].rank {
			least = i
		}
	}
	q.bytes -= len(q.lines[least].text)
	q.lines = slices.Delete(q.lines, least, least+1)
	q.dropped++
	q.total++
}

// Dropped returns how many lines were dropped, told or not.
func (q *Queue) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}

// Close writes what is left, if that takes no longer than flushTimeout. The error is
// that of w. A line that w does not take is left with it.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(flushTimeout):
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// run writes the lines until the end.
func (q *Queue) run() {
	defer close(q.done)
	for {
		line, dropped, ok := q.next()
		if !ok {
			return
		}
		if dropped > 0 {
			q.notice.Warn(fmt.Sprintf("%d log lines were dropped: nobody read standard output", dropped))
		}
		if _, err := q.w.Write(line); err != nil {
			q.mu.Lock()
			q.err, q.lines, q.bytes = err, nil, 0
			q.mu.Unlock()
			return
		}
	}
}

// next waits for the next line; not ok at the end.
func (q *Queue) next() (line []byte, dropped int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) == 0 {
		if q.closed {
			return nil, 0, false
		}
		q.more.Wait()
	}
	line, dropped = q.lines[0].text, q.dropped
	q.bytes -= len(line)
	q.lines, q.dropped = slices.Delete(q.lines, 0, 1), 0
	return line, dropped, true
}
