package cause

import (
	"fmt"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
	"github.com/jvmem/jvmem/jvm/threads"
)

// maxThreads bounds the threads that are remembered.
const maxThreads = 1 << 16

// threadCounter counts the threads that stay by the line that started them.
type threadCounter struct {
	sites  sites
	starts map[int64]start
	ends   map[int64]string // the pool of the thread
	stack  stack
	ended  bool // an end was seen
	lost   int
}

type start struct {
	at   time.Time
	pool string
	site *site
}

func (c *threadCounter) event(e *jfr.Event) {
	thread := e.Field("thread")
	id := thread.Key()
	if id == 0 {
		return
	}
	name, _ := thread.Field("javaName").Text()
	if len(c.starts)+len(c.ends) >= maxThreads {
		c.lost++
		return
	}
	if e.Type() == threadEnd {
		c.ended = true
		put(&c.ends, id, threads.PoolName(name))
		return
	}
	c.stack.frames, c.stack.truncated = e.Field("stackTrace").Frames(c.stack.frames[:0])
	put(&c.starts, id, start{e.Start, threads.PoolName(name), c.sites.at(c.stack, nil)})
}

func (c *threadCounter) finish(f *Finding) {
	type key struct {
		site *site
		pool string
	}
	stay, ofPool := make(map[key]int), make(map[string]int)
	oldest := f.To.Add(-f.least())
	for id, s := range c.starts {
		if _, ended := c.ends[id]; ended {
			delete(c.ends, id)
		} else if s.at.Before(oldest) {
			stay[key{s.site, s.pool}]++
			ofPool[s.pool]++
		}
	}
	// A thread that was there before and ended makes room for one that started: a pool that
	// renews its threads does not grow.
	renewed := make(map[string]int)
	for _, pool := range c.ends {
		renewed[pool]++
	}
	for k, n := range stay {
		all := ofPool[k.pool]
		gone := (n*renewed[k.pool] + all - 1) / all
		c.sites.add(k.site, n-gone, k.pool, "")
	}
	if len(c.starts) > 0 && !c.ended {
		f.Notes = append(f.Notes, "no thread ended while it was recorded, or jdk.ThreadEnd is not recorded: threads that ended may be counted")
	}
	if c.lost > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d starts and ends of threads more than can be counted", c.lost))
	}
	c.sites.judge(f, "threads that stay", 0)
}

func put[V any](m *map[int64]V, key int64, value V) {
	if *m == nil {
		*m = make(map[int64]V)
	}
	(*m)[key] = value
}
