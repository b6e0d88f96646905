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
	// maxQueueBytes holds some 60 lines: an hour of breakdowns of one container.
	maxQueueBytes = 256 << 10
	// flushTimeout is how long Close waits for a slow reader.
	flushTimeout = 500 * time.Millisecond
)

// rank is how much a line matters: the next breakdown supersedes one, an autopsy is not
// repeated.
type rank int

const (
	rankBreakdown rank = iota
	rankOther
	rankAutopsy
)

// queue accepts lines without waiting for the reader of w, so that a blocked log pipe
// does not block jvmem. When it is full it drops the oldest line of the lowest rank; a
// notice before the next line reports how many. Its methods may be called concurrently.
type queue struct {
	w      io.Writer
	notice *slog.Logger // writes to w

	mu      sync.Mutex
	changed *sync.Cond // lines were added, or the queue was closed
	lines   []queued   // the oldest first
	bytes   int        // in lines
	dropped int        // since the last notice
	total   int64      // dropped since the start
	closed  bool
	err     error // of w
	done    chan struct{}
}

type queued struct {
	rank rank
	text []byte
}

// startQueue returns a queue of lines for w. Close it.
func startQueue(w io.Writer, notice *slog.Logger) *queue {
	q := &queue{w: w, notice: notice, done: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	go q.run()
	return q
}

// ranked queues each line it is given with its rank.
type ranked struct {
	*queue
	rank rank
}

func (q *queue) writer(r rank) io.Writer { return ranked{q, r} }

// Write takes one line. The error is that of an earlier line.
func (r ranked) Write(line []byte) (int, error) {
	q := r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, q.err
	}
	q.lines = append(q.lines, queued{r.rank, bytes.Clone(line)})
	q.bytes += len(line)
	for q.bytes > maxQueueBytes {
		q.drop()
	}
	q.changed.Signal()
	return len(line), nil
}

// drop drops the oldest line of the lowest rank.
func (q *queue) drop() {
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

// droppedTotal returns how many lines were dropped since the start.
func (q *queue) droppedTotal() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}

// close writes what is left, if that takes no longer than flushTimeout. The error is
// that of w. A write that blocks is abandoned.
func (q *queue) close() error {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(flushTimeout):
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// run writes lines until the queue is closed and empty.
func (q *queue) run() {
	defer close(q.done)
	for {
		line, dropped, ok := q.next()
		if !ok {
			return
		}
		if dropped > 0 {
			q.notice.Warn(fmt.Sprintf("dropped %d log lines: standard output was not read", dropped))
		}
		if _, err := q.w.Write(line); err != nil {
			q.mu.Lock()
			q.err, q.lines, q.bytes = err, nil, 0
			q.mu.Unlock()
			return
		}
	}
}

// next waits for the next line; ok is false after the last one.
func (q *queue) next() (line []byte, dropped int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) == 0 {
		if q.closed {
			return nil, 0, false
		}
		q.changed.Wait()
	}
	line, dropped = q.lines[0].text, q.dropped
	q.bytes -= len(line)
	q.lines, q.dropped = slices.Delete(q.lines, 0, 1), 0
	return line, dropped, true
}
