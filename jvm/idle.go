package jvm

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/threads"
)

// Idle is what became of some threads of the largest pool since an earlier look at them.
type Idle struct {
	Pool       string `json:"pool"`
	Threads    int    `json:"threads"` // of the pool
	StackBytes *int64 `json:"stack_bytes"`
	// Looked is how many of them were looked at, Idle how many of these used hardly any CPU
	// time in Seconds.
	Looked  int     `json:"looked_at"`
	Idle    int     `json:"idle"`
	Seconds float64 `json:"seconds"`
}

const (
	// A pool of idlePool threads or more is looked at every idleEvery: idleLooks of its
	// threads, as a file must be read for each.
	idlePool  = 200
	idleEvery = 5 * time.Minute
	idleLooks = 50
	// idleTicks is how much CPU time an idle thread may use in that time: 10 ms, for a
	// timer that wakes it.
	idleTicks = 1
)

// idleness is the state between two looks.
type idleness struct {
	pool  string
	at    time.Time
	ticks map[int]uint64 // CPU time by thread ID
	found *Idle
}

// lookForIdle adds Idle to the threads, once it is known.
func (p *Process) lookForIdle(t *Threads, now time.Time) {
	t.Idle = nil
	if len(t.Pools) == 0 || t.Pools[0].Count < idlePool {
		p.idle = idleness{}
		return
	}
	pool := t.Pools[0]
	if p.idle.pool != pool.Name {
		p.idle = idleness{pool: pool.Name} // the first sample takes long enough
		return
	}
	if p.idle.ticks == nil || now.Sub(p.idle.at) >= idleEvery {
		members := threads.Members(p.threads.Last(), pool.Name)
		p.idle.look(p.Dir(), &pool, members, now)
	}
	t.Idle = p.idle.found
}

// look compares the threads of the last look with now, and chooses others for the next one.
func (i *idleness) look(dir string, pool *threads.Pool, members []threads.Thread, now time.Time) {
	if i.ticks != nil {
		found := &Idle{Pool: pool.Name, Threads: pool.Count, StackBytes: pool.StackBytes, Seconds: now.Sub(i.at).Seconds()}
		for id, before := range i.ticks {
			ticks, ok := threadTicks(dir, id)
			switch {
			case !ok: // it ended
			case ticks-before <= idleTicks:
				found.Idle++
				fallthrough
			default:
				found.Looked++
			}
		}
		i.found = found
	}
	i.at, i.ticks = now, make(map[int]uint64, idleLooks)
	step := max(1, len(members)/idleLooks)
	for k := 0; k < len(members) && len(i.ticks) < idleLooks; k += step {
		if ticks, ok := threadTicks(dir, members[k].ID); ok {
			i.ticks[members[k].ID] = ticks
		}
	}
}

// threadTicks returns the CPU time of a thread.
func threadTicks(dir string, id int) (ticks uint64, ok bool) {
	file, err := proc.OpenShort(filepath.Join(dir, "task", strconv.Itoa(id), "stat"))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	s, err := proc.ParseStat(file)
	return s.CPUTicks, err == nil
}
