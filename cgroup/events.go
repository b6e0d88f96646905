package cgroup

// Events counts since the cgroup was created. nil means that this kernel or hierarchy
// does not report it.
type Events struct {
	// OOMKills is the number of processes killed for lack of memory (oom_kill),
	// on v1 of this cgroup only, on v2 with its descendants.
	OOMKills *int64
	// OOMs is the number of times an allocation was about to fail at the limit
	// (v2 oom); nil on v1.
	OOMs *int64
	// OOMGroupKills is the number of times the whole cgroup was killed at once
	// (v2 oom_group_kill, Linux 5.17); nil on v1.
	OOMGroupKills *int64
	// LimitHits is the number of times usage would have passed the limit (v2
	// max; v1 failcnt of memory and of memory+swap). On new v1 kernels it may
	// stay 0 where both limits are equal.
	LimitHits *int64
	// HighHits is the number of times processes were throttled at memory.high
	// (v2 high); nil on v1.
	HighHits *int64
	// OOMGroup: an OOM kill ends all processes of the cgroup (v2 memory.oom.group,
	// Linux 4.19); nil on v1.
	OOMGroup *bool
	// UnderOOM: processes are waiting for memory, which v1 allows with OOMKillDisabled.
	// Both are nil on v2.
	UnderOOM        *bool
	OOMKillDisabled *bool
}

// Events reads the events only: three files at most, the OOM kills first, because after a
// kill the cgroup exists for some milliseconds only. With an error the Events have the
// values that could be read. ErrGone: the cgroup was removed.
func (g *Group) Events() (Events, error) {
	r := &reader{g: g}
	var e Events
	file := "memory.events"
	if g.Path.Version == 1 {
		file = "memory.oom_control"
		e.readV1(r)
	} else {
		e.readV2(r)
	}
	if e.UnderOOM == nil && e.LimitHits == nil {
		return e, g.unreadable(file, r.err)
	}
	return e, r.err
}

func (e *Events) readV1(r *reader) {
	control := r.flat("memory.oom_control")
	e.OOMKills = control.value("oom_kill")
	e.UnderOOM = control.flag("under_oom")
	e.OOMKillDisabled = control.flag("oom_kill_disable")
	// A failed charge is counted by one of the two.
	e.LimitHits = r.number("memory.failcnt")
	if both := r.number("memory.memsw.failcnt"); both != nil && e.LimitHits != nil {
		*e.LimitHits += *both
	}
}

func (e *Events) readV2(r *reader) {
	events := r.flat("memory.events")
	e.OOMKills = events.value("oom_kill")
	e.OOMs = events.value("oom")
	e.OOMGroupKills = events.value("oom_group_kill")
	e.LimitHits = events.value("max")
	e.HighHits = events.value("high")
	if n := r.number("memory.oom.group"); n != nil {
		group := *n != 0
		e.OOMGroup = &group
	}
}

// flag returns a value as a boolean, nil if there is none.
func (f flat) flag(key string) *bool {
	n, ok := f.find(key)
	if !ok {
		return nil
	}
	set := n != 0
	return &set
}
