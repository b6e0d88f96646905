package apps

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	step           = 100 * time.Millisecond // between two looks at what is due
	peakRate       = 10.0                   // ordinary requests per second
	workers        = 4
	queued         = 64
	requestTimeout = 20 * time.Second
)

// phase is a part of the load: from and to are its rates, between which it changes
// evenly. 1 is the peak.
type phase struct{ share, from, to float64 }

// The load ramps up, holds, pauses, returns at half the rate, pauses, and holds.
var phases = [...]phase{
	{0.10, 0, 1}, {0.20, 1, 1}, {0.10, 0, 0}, {0.20, 0.5, 0.5}, {0.05, 0, 0}, {0.35, 1, 1},
}

// rate returns the rate at a share of the duration.
func rate(at float64) float64 {
	for _, p := range phases {
		if at < p.share {
			return p.from + (p.to-p.from)*at/p.share
		}
		at -= p.share
	}
	return 0
}

// work returns the integral of the rate up to a share of the duration, as a share of the whole.
func work(at float64) float64 {
	var done, all float64
	for _, p := range phases {
		all += p.share * (p.from + p.to) / 2
		if in := min(max(at, 0), p.share); in > 0 {
			done += in * (p.from + p.from + (p.to-p.from)*in/p.share) / 2
		}
		at -= p.share
	}
	return done / all
}

// generator sends requests to a server.
type generator struct {
	to           *client
	rate         float64 // ordinary requests per second at the peak; 0: peakRate
	faults       int
	duration     time.Duration
	sent, failed atomic.Int64
	mu           sync.Mutex
	failure      error // the last one
}

// run returns when the duration is over or the context is done. Requests that leak are
// made up for if the server was slow, ordinary ones are dropped.
func (g *generator) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, g.duration) // also where the server is too slow
	defer cancel()
	requests := make(chan func(context.Context) error, queued)
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for send := range requests {
				g.request(ctx, send)
			}
		})
	}
	defer pool.Wait()
	defer close(requests)
	clock := time.NewTicker(step)
	defer clock.Stop()
	ordinary, faults, begun := 0.0, 0, time.Now()
	for now := time.Duration(0); now < g.duration; now = time.Since(begun) {
		at := now.Seconds() / g.duration.Seconds()
		for ordinary += cmp.Or(g.rate, peakRate) * rate(at) * step.Seconds(); ordinary >= 1; ordinary-- {
			select {
			case requests <- g.to.work:
			default:
			}
		}
		for ; faults < int(float64(g.faults)*work(at)); faults++ {
			select {
			case requests <- g.to.fault:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
	}
}

func (g *generator) request(ctx context.Context, send func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := send(limited)
	if end, _ := ctx.Deadline(); ctx.Err() != nil || !time.Now().Before(end) { // a connection may notice the end before the context
		return
	}
	g.sent.Add(1)
	if err != nil {
		g.failed.Add(1)
		g.mu.Lock()
		g.failure = err
		g.mu.Unlock()
	}
}

// check returns an error if more than a twentieth of the requests failed.
func (g *generator) check() error {
	sent, failed := g.sent.Load(), g.failed.Load()
	if sent == 0 {
		return fmt.Errorf("no request was answered")
	}
	if failed*20 <= sent {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Errorf("%d of %d requests failed: %w", failed, sent, g.failure)
}

func TestLoad(t *testing.T) {
	var sum float64
	for i := range 1000 {
		at := float64(i) / 1000
		sum += rate(at+0.0005) / 1000
		if work(at) > work(at+0.001)+1e-9 {
			t.Errorf("work falls at %v", at)
		}
	}
	var all float64
	for _, p := range phases {
		all += p.share
	}
	if all < 0.999 || all > 1.001 || work(0) != 0 || work(1) < 0.999 || work(1) > 1.001 {
		t.Errorf("phases last %v, work goes from %v to %v", all, work(0), work(1))
	}
	if half := work(0.5) * 0.70; half < 0.299 || half > 0.301 { // 0.05 + 0.2 + 0.1 × 0.5 of 0.05 + 0.2 + 0.1 + 0.35
		t.Errorf("work at half time: %v of %v", half, sum)
	}
	if work(0.31) != work(0.39) || rate(0.35) != 0 || rate(0.2) != 1 || rate(0.5) != 0.5 {
		t.Error("no pause, or no load between the pauses")
	}
}
