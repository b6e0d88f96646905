package autopsy

import (
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/watch"
)

// Kind is how a JVM ended.
type Kind string

// The kinds, see the package comment.
const (
	OOMKill         Kind = "oom_kill"
	OOMKillOther    Kind = "oom_kill_other"
	JavaOutOfMemory Kind = "java_out_of_memory"
	Signal          Kind = "signal"
	Exit            Kind = "exit"
	Ended           Kind = "ended"
)

// OutOfMemory reports whether lack of memory was the cause of death.
func (k Kind) OutOfMemory() bool {
	return k == OOMKill || k == OOMKillOther || k == JavaOutOfMemory
}

// Death holds what was observed at the end of a JVM. Nil is unknown.
type Death struct {
	Time       time.Time
	PID        int
	StartTicks uint64
	// Container and LimitBytes are what is known of it without a report.
	Container  rows.Identity
	LimitBytes *int64
	// Alive: the OOM counter rose, but the JVM is still running.
	Alive bool
	// KillsBefore and KillsAfter are the cgroup's counter of OOM kills.
	KillsBefore, KillsAfter *int64
	Exit                    *proc.Exit
	// Reading is the last one of the cgroup.
	Reading       *cgroup.Reading
	FinalCounters *jvm.FinalCounters
}

// Of is the death of a JVM.
func Of(e *watch.Ended) Death {
	return Death{
		Time: e.Time, PID: e.PID, StartTicks: e.StartTicks, KillsBefore: e.KillsBefore, KillsAfter: e.KillsAfter,
		Container:  rows.Identity{ID: e.Path.ContainerID(), Name: e.Name, Cgroup: e.Path.Name, CgroupVersion: e.Path.Version},
		LimitBytes: e.LimitBytes,
		Exit:       e.Exit, Reading: e.Last, FinalCounters: e.FinalCounters,
	}
}

// OfOther is the death of another process in a JVM's container.
func OfOther(e *watch.Killed, j *breakdown.JVM) Death {
	return Death{
		Time: e.Time, PID: j.PID, StartTicks: j.StartTicks, Alive: true,
		KillsBefore: &e.KillsBefore, KillsAfter: &e.KillsAfter, Reading: e.Last,
	}
}

// Autopsy explains one end. Sizes are bytes; null is unknown.
type Autopsy struct {
	Time          time.Time `json:"time"`
	Kind          Kind      `json:"kind"`
	ContainerID   string    `json:"container_id,omitempty"`
	ContainerName string    `json:"container_name,omitempty"`
	PID           int       `json:"pid"`
	StartTicks    uint64    `json:"start_ticks"`
	Version       string    `json:"version,omitempty"`
	// Exit is an exit code or a signal.
	Exit     *proc.Exit `json:"exit"`
	OOMKills *int64     `json:"oom_kills"` // of the container, after the end
	// CouldBeOOMKill: nothing shows that it was none, as the cgroup could not be read.
	CouldBeOOMKill bool   `json:"could_be_oom_kill,omitempty"`
	LimitBytes     *int64 `json:"limit_bytes"`

	// Cause and Subject name what used the memory; "" if memory was not the cause of death.
	Cause   rows.Verdict `json:"cause,omitempty"`
	Subject string       `json:"subject,omitempty"`
	Summary string       `json:"summary"`
	Next    []string     `json:"next,omitempty"`

	// Grew is how much each row grew before the end, the fastest first.
	Grew        []Growth `json:"grew,omitempty"`
	GrewSeconds float64  `json:"grew_seconds"`
	// SinceLast is growth after the last breakdown, by the cgroup's own names.
	SinceLast []Growth `json:"since_last,omitempty"`

	// Last is the last breakdown, LastAgeSeconds its age at the end.
	Last           *breakdown.Container `json:"last_breakdown"`
	LastAgeSeconds *float64             `json:"last_age_seconds"`
	Reading        *cgroup.Reading      `json:"last_level"`
	FinalCounters  *jvm.FinalCounters   `json:"last_words"`
	Diagnosis      *diagnosis.Diagnosis `json:"diagnosis"`
	// Incident is the leak that was open: suspected, confirmed or paused.
	Incident *diagnosis.Incident `json:"incident"`
	// Before is the history of the minutes before the end, the older steps thinned out.
	Before *history.Track `json:"before"`

	// RestartedAt is when the next JVM of the container was observed.
	RestartedAt *time.Time `json:"restarted_at"`
}

// Growth is how much a row, or a detail of one, grew.
type Growth struct {
	Row    string `json:"row"`
	Detail string `json:"detail,omitempty"`
	Bytes  int64  `json:"bytes"`
}

// State holds what was known of the container before the end.
type State struct {
	// Last is nil if no sample was taken.
	Last      *breakdown.Container
	LastTime  time.Time
	Diagnosis *diagnosis.Diagnosis
	// Before is the history of the minutes before the end.
	Before *history.Track
}

// Before is how much history an autopsy keeps.
const Before = 5 * time.Minute
