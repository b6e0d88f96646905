package threads

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/jvmem/jvmem/jvm/proc"
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

// Idleness looks at the largest pool of one process again and again. The zero value has not looked.
type Idleness struct {
	pool  string
	at    time.Time
	ticks map[int]uint64 // CPU time by thread ID
	found *Idle
}

// Look returns what is known of the largest pool now, of the threads of a process whose folder in
// /proc is dir; nil: nothing yet, or it is not large.
func (i *Idleness) Look(dir string, pools []Pool, all []Thread, now time.Time) *Idle {
	if len(pools) == 0 || pools[0].Count < idlePool {
		*i = Idleness{}
		return nil
	}
	pool := pools[0]
	if i.pool != pool.Name {
		*i = Idleness{pool: pool.Name} // the first sample takes long enough
		return nil
	}
	if i.ticks == nil || now.Sub(i.at) >= idleEvery {
		i.look(dir, &pool, Members(all, pool.Name), now)
	}
	return i.found
}

// look compares the threads of the last look with now, and chooses others for the next one.
func (i *Idleness) look(dir string, pool *Pool, members []Thread, now time.Time) {
	if i.ticks != nil {
		found := &Idle{Pool: pool.Name, Threads: pool.Count, StackBytes: pool.StackBytes, Seconds: now.Sub(i.at).Seconds()}
		for id, before := range i.ticks {
			ticks, ok := ticksOf(dir, id)
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
		if ticks, ok := ticksOf(dir, members[k].ID); ok {
			i.ticks[members[k].ID] = ticks
		}
	}
}

// ticksOf returns the CPU time of a thread.
func ticksOf(dir string, id int) (ticks uint64, ok bool) {
	file, err := proc.OpenShort(filepath.Join(dir, "task", strconv.Itoa(id), "stat"))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	s, err := proc.ParseStat(file)
	return s.CPUTicks, err == nil
}
