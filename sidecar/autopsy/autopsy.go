package autopsy

import (
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

// Kind is how a JVM ended.
type Kind string

// The kinds, see the package.
const (
	OOMKill         Kind = "oom_kill"
	OOMKillOther    Kind = "oom_kill_other"
	JavaOutOfMemory Kind = "java_out_of_memory"
	Signal          Kind = "signal"
	Exit            Kind = "exit"
	Ended           Kind = "ended"
)

// OutOfMemory reports whether memory was the reason.
func (k Kind) OutOfMemory() bool {
	return k == OOMKill || k == OOMKillOther || k == JavaOutOfMemory
}

// Death is what was seen of an end. A nil is not known.
type Death struct {
	Time       time.Time
	PID        int
	StartTicks uint64
	// Alive: the OOM counter rose, but the JVM is still there.
	Alive bool
	// OOMKillsBefore and OOMKillsAfter are the cgroup's counter.
	OOMKillsBefore, OOMKillsAfter *int64
	ExitCode, Signal              *int
	// Level is the last that was read of the cgroup, some 0.2 s before the end.
	Level *Level
	// Words are what hsperfdata still says.
	Words *Words
}

// Level is what a cgroup was at, in bytes.
type Level struct {
	Time         time.Time `json:"time"`
	UsageBytes   int64     `json:"usage_bytes"`
	AnonBytes    *int64    `json:"anon_bytes"`
	ShmemBytes   *int64    `json:"shmem_bytes"`
	FirmBytes    *int64    `json:"firm_bytes"` // what cannot be reclaimed
	KernelBytes  *int64    `json:"kernel_bytes"`
	InactiveFile *int64    `json:"inactive_file_bytes"`
}

// Words are the counters that a dead JVM leaves.
type Words struct {
	HeapUsedBytes      *int64 `json:"heap_used_bytes"` // at the last collection
	HeapCommittedBytes *int64 `json:"heap_committed_bytes"`
	Threads            *int64 `json:"threads"`
	ThreadsPeak        *int64 `json:"threads_peak"`
	Classes            *int64 `json:"classes"`
}

// Autopsy is one end, explained. Sizes are bytes; a null is unknown.
type Autopsy struct {
	Time          time.Time `json:"time"`
	Kind          Kind      `json:"kind"`
	ContainerID   string    `json:"container_id,omitempty"`
	ContainerName string    `json:"container_name,omitempty"`
	PID           int       `json:"pid"`
	StartTicks    uint64    `json:"start_ticks"`
	Version       string    `json:"version,omitempty"`
	ExitCode      *int      `json:"exit_code"`
	Signal        *int      `json:"signal"`
	OOMKills      *int64    `json:"oom_kills"` // of the container, afterwards
	LimitBytes    *int64    `json:"limit_bytes"`

	// Cause and Subject name what took the memory; "" if memory was not the reason.
	Cause   diagnosis.Verdict `json:"cause,omitempty"`
	Subject string            `json:"subject,omitempty"`
	Summary string            `json:"summary"`
	Next    []string          `json:"next,omitempty"`

	// Grew is how much each row grew in the time before, the fastest first.
	Grew        []Growth `json:"grew,omitempty"`
	GrewSeconds float64  `json:"grew_seconds"`
	// SinceLast is what came up after the last breakdown, as the cgroup tells it.
	SinceLast []Growth `json:"since_last,omitempty"`

	// Last is the last breakdown, LastAgeSeconds how old it was at the end.
	Last           *breakdown.Container `json:"last_breakdown"`
	LastAgeSeconds *float64             `json:"last_age_seconds"`
	Level          *Level               `json:"last_level"`
	Words          *Words               `json:"last_words"`
	Diagnosis      *diagnosis.Diagnosis `json:"diagnosis"`
	// Before is the minutes before the end.
	Before *history.Track `json:"before"`

	// RestartedAt is when the next JVM of the container, or of one with the same
	// name, was seen.
	RestartedAt *time.Time `json:"restarted_at"`
}

// Growth is by how much a row, or a part of one, grew.
type Growth struct {
	Row    string `json:"row"`
	Detail string `json:"detail,omitempty"`
	Bytes  int64  `json:"bytes"`
}

// State is what was known of a container before the end.
type State struct {
	// Last is nil if no sample was taken.
	Last      *breakdown.Container
	LastTime  time.Time
	Diagnosis *diagnosis.Diagnosis
	// Before is the history of the minutes before the end, in steps of samples.
	Before *history.Track
}

// Before is how much of the history an autopsy keeps.
const Before = 5 * time.Minute
