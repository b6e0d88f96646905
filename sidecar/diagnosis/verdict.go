package diagnosis

import (
	"encoding/json"
	"io"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Schema names the JSON form. Fields may be added to it, none is renamed.
const Schema = "jvmem.diagnosis/v1"

// Verdict is a bridge: use package rows.
type Verdict = rows.Verdict

// The verdicts.
const (
	Threads            = rows.VerdictThreads
	ClassLoader        = rows.VerdictClassLoader
	Heap               = rows.VerdictHeap
	DirectBuffers      = rows.VerdictDirectBuffers
	NativeUntracked    = rows.VerdictNativeUntracked
	AllocatorRetention = rows.VerdictAllocatorRetention
	CodeCache          = rows.VerdictCodeCache
	GC                 = rows.VerdictGC
	JVMInternal        = rows.VerdictJVMInternal
	MappedFiles        = rows.VerdictMappedFiles
	Shmem              = rows.VerdictShmem
	Kernel             = rows.VerdictKernel
	OtherProcess       = rows.VerdictOtherProcess
	Unexplained        = rows.VerdictUnexplained
	Budget             = rows.VerdictBudget
	PageCache          = rows.VerdictPageCache
	None               = rows.VerdictNone
	NotEnoughHistory   = rows.VerdictNotEnoughHistory
)

// Report is the diagnosis of all containers that are remembered and alive.
type Report struct {
	Schema     string         `json:"schema"`
	Time       time.Time      `json:"time"`
	Pod        *breakdown.Pod `json:"pod,omitempty"`
	Containers []Diagnosis    `json:"containers"`
}

// Diagnosis is what is concluded of one container. The first finding is its
// verdict.
type Diagnosis struct {
	rows.Identity

	Verdict Verdict `json:"verdict"`
	// Subject is what of it: a pool of threads, a command, a kind of memory.
	Subject string `json:"subject,omitempty"`
	// Confidence is that of the first finding; nil without one.
	Confidence *float64 `json:"confidence"`
	Summary    string   `json:"summary"`
	// Since is when what was judged begins, at the start of the JVM or later.
	Since *time.Time `json:"since"`
	// Growth is how fast what the kernel cannot take back grows; nil if it does not.
	Growth   *Rate        `json:"growth"`
	Forecast *Forecast    `json:"forecast"`
	Findings []Finding    `json:"findings"`
	Budget   *BudgetCheck `json:"budget"`
}

// Finding is one thing that is the matter.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	Subject string  `json:"subject,omitempty"`
	// Share is how much of the growth it explains, up to 1; nil where nothing grows.
	Share *float64 `json:"share"`
	// Rate is how fast it grows; nil if it is not about growth.
	Rate *Rate `json:"rate"`
	// Confidence is up to 1. What is below 0.5 is not a finding.
	Confidence float64  `json:"confidence"`
	Evidence   []string `json:"evidence"`
	// Next says what to do, the first thing first.
	Next []string `json:"next"`
	// Gathered is what the JVM told when it was asked because of this.
	Gathered *Gathered `json:"gathered,omitempty"`

	window window
}

// Rate is a growth in bytes per hour, with its 95 % interval.
type Rate struct {
	BytesPerHour     int64 `json:"bytes_per_hour"`
	LowBytesPerHour  int64 `json:"low_bytes_per_hour"`
	HighBytesPerHour int64 `json:"high_bytes_per_hour"`
}

// Forecast is when a limit is reached if all goes on as it did.
type Forecast struct {
	// Reached is "container_limit", where the kernel kills, or "heap_limit", where
	// the JVM throws OutOfMemoryError.
	Reached string `json:"reached"`
	// Seconds from the time of the report on.
	Seconds     float64 `json:"seconds"`
	LowSeconds  float64 `json:"low_seconds"`
	HighSeconds float64 `json:"high_seconds"`
}

// Limits that can be reached.
const (
	ContainerLimit = "container_limit"
	HeapLimit      = "heap_limit"
)

// BudgetCheck compares what the JVM may take with the limit: the heap at its
// maximum, and everything else as it is now.
type BudgetCheck struct {
	Fits        bool         `json:"fits"`
	LimitBytes  int64        `json:"limit_bytes"`
	NeededBytes int64        `json:"needed_bytes"`
	Parts       []BudgetPart `json:"parts"`
	// DeclaredBytes is the sum of all maxima that are set: heap, metaspace, code
	// cache, direct buffers, stacks. It is rarely reached. nil: one is unlimited.
	DeclaredBytes *int64 `json:"declared_bytes"`
}

// BudgetPart is a part of what is needed.
type BudgetPart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Gathered is evidence that was asked for. What does not apply is left out.
type Gathered struct {
	// Time is when the JVM was asked.
	Time time.Time `json:"time"`
	// Text is one line of evidence each.
	Text []string `json:"text,omitempty"`
	// Failed says why there is none, or not all.
	Failed string `json:"failed,omitempty"`
}

// WriteJSON writes the report in the form of Schema.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	utc := *r
	utc.Time = r.Time.UTC()
	return encoder.Encode(&utc)
}
