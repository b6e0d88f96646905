package byhand

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const (
	// dumpRate is how much heap is dumped and compressed in a second with a core each.
	dumpRate = 50 << 20
	// progressInterval is the time between two lines of progress.
	progressInterval = time.Second
)

// HeapDumpOptions are those of jvmem heapdump.
type HeapDumpOptions struct {
	sample.Options
	// Consent is given to stop the JVM and to copy everything that it holds.
	Consent bool
	// MaxStop is the longest time that the JVM may be stopped.
	MaxStop time.Duration
}

// HeapDump copies a heap dump of a JVM to dump, compressed by gzip, and reports its progress.
func HeapDump(ctx context.Context, o HeapDumpOptions, dump, progress io.Writer) error {
	t, err := open(ctx, o.Options)
	if err != nil {
		return err
	}
	defer t.close()
	heap := t.before.Row(rows.Heap)
	if heap == nil || heap.UsedBytes == nil {
		return fmt.Errorf("it is unknown how long a heap dump would stop the JVM, as it did not answer: %w", t.unanswered())
	}
	stop := time.Duration(float64(*heap.UsedBytes) / dumpRate * float64(time.Second)).Round(time.Second)
	cost := fmt.Sprintf("a heap dump stops the JVM %d with %s in its heap for some %s, longer if it has less than one core, or if the dump is read slowly; %s (--max-stop) at most",
		t.jvm.PID, breakdown.Size(heap.UsedBytes), max(stop, time.Second), o.MaxStop)
	switch {
	case !o.Consent:
		return fmt.Errorf("%s. It holds every secret of the application. A liveness probe that fails for so long restarts the JVM\n  fix: if that is acceptable, add --yes", cost)
	case stop > o.MaxStop:
		return fmt.Errorf("%s\n  fix: set --max-stop to a longer time, but not to more than the liveness probe allows: periodSeconds x failureThreshold", cost)
	}
	fmt.Fprintln(progress, cost)
	begun := time.Now()
	copied := &counter{Writer: dump}
	ctx, cancel := context.WithTimeoutCause(ctx, o.MaxStop, fmt.Errorf("not complete after %s, so the dump is not usable. The JVM goes on\n  fix: set --max-stop to a longer time, or read the dump faster", o.MaxStop))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- t.use(ctx, func(p *jvm.Process) error {
			return evidence.DumpHeap(ctx, p, copied)
		})
	}()
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n := copied.n.Load()
			fmt.Fprintf(progress, "%s after %s\n", breakdown.Size(&n), time.Since(begun).Round(time.Second))
		case err := <-ended:
			n := copied.n.Load()
			if err == nil {
				fmt.Fprintf(progress, "%s (gzip) in %s\n", breakdown.Size(&n), time.Since(begun).Round(10*time.Millisecond))
			}
			return err
		}
	}
}

// counter counts what is written.
type counter struct {
	io.Writer
	n atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}
