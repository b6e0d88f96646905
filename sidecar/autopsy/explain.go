package autopsy

import (
	"cmp"
	"slices"
	"syscall"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// full is the share of a limit or a maximum from which on it counts as reached.
	full = 0.95
	// exitOnOutOfMemory is HotSpot's exit code with -XX:+ExitOnOutOfMemoryError.
	exitOnOutOfMemory = 3
	// lastSteps and stepsBefore are how much of the history an autopsy keeps: about as much
	// as the default interval takes in five minutes, whatever the interval is.
	lastSteps, stepsBefore = 10, 30
)

// Explain explains an end.
func Explain(d Death, s State) Autopsy {
	a := Autopsy{
		ContainerID: d.Container.ID, ContainerName: d.Container.Name, LimitBytes: d.LimitBytes,
		Time: d.Time.UTC(), PID: d.PID, StartTicks: d.StartTicks, Exit: d.Exit, OOMKills: d.KillsAfter,
		Last: s.Last, Reading: d.Reading, FinalCounters: d.FinalCounters, Diagnosis: s.Diagnosis, Before: s.Before,
	}
	if d.Reading != nil {
		a.LimitBytes = cmp.Or(d.Reading.LimitBytes, a.LimitBytes)
	}
	if s.Last != nil {
		a.ContainerID, a.ContainerName = cmp.Or(s.Last.ID, a.ContainerID), cmp.Or(s.Last.Name, a.ContainerName)
		a.LimitBytes = cmp.Or(s.Last.LimitBytes, a.LimitBytes)
		a.LastAgeSeconds = new(max(0, d.Time.Sub(s.LastTime).Seconds()))
	}
	if d := s.Diagnosis; d != nil {
		if i := slices.IndexFunc(d.Incidents, func(i diagnosis.Incident) bool { return i.State != diagnosis.Closed }); i >= 0 {
			a.Incident = &d.Incidents[i]
		}
	}
	if j := a.jvm(); j != nil {
		a.Version = j.Version
	}
	a.Kind = a.kind(&d)
	a.CouldBeOOMKill = a.couldBe(&d)
	if v := s.Diagnosis; a.CouldBeOOMKill && v != nil && v.Verdict == rows.VerdictNotObservable {
		a.Next = v.Findings[0].Next // else the next end is as unknown
	}
	a.Grew, a.GrewSeconds = grew(s.Before)
	a.SinceLast = sinceLast(d.Reading, s.Last)
	if a.Kind.OutOfMemory() {
		a.findCause()
	}
	a.Summary = a.summary()
	if a.Before != nil {
		a.Before = a.Before.Thinned(lastSteps, stepsBefore)
	}
	return a
}

func (a *Autopsy) kind(d *Death) Kind {
	known := d.KillsBefore != nil && d.KillsAfter != nil
	rose := known && *d.KillsAfter > *d.KillsBefore
	var code *int
	var signal *syscall.Signal
	if d.Exit != nil {
		code, signal = d.Exit.Code, d.Exit.Signal
	}
	killed := signal != nil && *signal == syscall.SIGKILL
	noStatus := signal == nil && code == nil
	switch {
	case rose && d.Alive:
		return OOMKillOther
	case rose && (killed || noStatus), !known && (killed || noStatus) && a.atLimit():
		return OOMKill
	case code != nil && *code == exitOnOutOfMemory && a.flag("ExitOnOutOfMemoryError"),
		noStatus && a.flag("ExitOnOutOfMemoryError") && a.heapFull():
		return JavaOutOfMemory
	case signal != nil:
		return Signal
	case code != nil:
		return Exit
	}
	return Ended
}

// couldBe reports whether the kernel may have killed the JVM for lack of memory, as neither
// its counter nor the usage at the end is known.
func (a *Autopsy) couldBe(d *Death) bool {
	unknown := (d.KillsBefore == nil || d.KillsAfter == nil) && d.Reading == nil
	return unknown && (a.Kind == Ended || a.Kind == Signal && *d.Exit.Signal == syscall.SIGKILL)
}

// atLimit reports whether unreclaimable memory had reached the limit.
func (a *Autopsy) atLimit() bool {
	if a.LimitBytes == nil || a.Reading == nil {
		return false
	}
	bytes := a.Reading.UnreclaimableBytes()
	return bytes != nil && float64(*bytes) >= full*float64(*a.LimitBytes)
}

// Identity returns the identity of the container.
func (a *Autopsy) Identity() rows.Identity {
	of := rows.Identity{ID: a.ContainerID, Name: a.ContainerName}
	if a.Last != nil {
		of.Cgroup, of.CgroupVersion = a.Last.Cgroup, a.Last.CgroupVersion
	}
	return of
}

// jvm is the JVM in the last breakdown; nil: it was not in one.
func (a *Autopsy) jvm() *breakdown.JVM {
	if a.Last != nil {
		for i := range a.Last.JVMs {
			if a.Last.JVMs[i].PID == a.PID {
				return &a.Last.JVMs[i]
			}
		}
	}
	return nil
}

func (a *Autopsy) flag(name string) bool {
	j := a.jvm()
	return j != nil && j.Flags[name] == true
}

func (a *Autopsy) heapFull() bool {
	j := a.jvm()
	if j == nil || a.FinalCounters == nil || a.FinalCounters.HeapUsedBytes == nil {
		return false
	}
	limit, ok := j.Flags["MaxHeapSize"].(uint64)
	return ok && float64(*a.FinalCounters.HeapUsedBytes) >= full*float64(limit)
}
