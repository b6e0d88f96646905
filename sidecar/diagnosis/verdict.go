package diagnosis

import (
	"encoding/json"
	"io"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/cause"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Schema is the version of the JSON form. Fields may be added, none is renamed.
const Schema = "jvmem.diagnosis/v1"

// Report is the diagnosis of all containers.
type Report struct {
	Schema     string         `json:"schema"`
	Time       time.Time      `json:"time"`
	Pod        *breakdown.Pod `json:"pod,omitempty"`
	Containers []Diagnosis    `json:"containers"`
}

// Diagnosis is the conclusion about one container. The first finding is its verdict.
type Diagnosis struct {
	rows.Identity

	Verdict rows.Verdict `json:"verdict"`
	// Subject is a thread pool, a command or a kind of memory.
	Subject string `json:"subject,omitempty"`
	// Confidence is that of the first finding; nil without one.
	Confidence *float64 `json:"confidence"`
	Summary    string   `json:"summary"`
	// Since is the begin of the time that was judged, the start of the JVM or later.
	Since *time.Time `json:"since"`
	// Growth is that of unreclaimable memory; nil if it does not grow.
	Growth   *Rate     `json:"growth"`
	Forecast *Forecast `json:"forecast"`
	Findings []Finding `json:"findings"`
	// Incidents are the leaks of the present JVM: suspected, confirmed, paused, closed.
	// The first one is the verdict if that is a leak.
	Incidents []Incident   `json:"incidents"`
	Budget    *BudgetCheck `json:"budget"`
	// NotJudged names what could not be judged, and why: it may leak all the same.
	NotJudged []string `json:"not_judged,omitempty"`
}

// Finding is one problem that was found.
type Finding struct {
	Verdict rows.Verdict `json:"verdict"`
	Subject string       `json:"subject,omitempty"`
	// Row is the row that a leak is about; "" for states.
	Row rows.Name `json:"row,omitempty"`
	// Share is its part of the growth of unreclaimable memory, up to 1; nil without growth.
	Share *float64 `json:"share"`
	// Rate is its growth; nil if the finding is not about growth.
	Rate *Rate `json:"rate"`
	// Confidence is 0.5 to 1.
	Confidence float64  `json:"confidence"`
	Evidence   []string `json:"evidence"`
	// Next lists what to do, the first step first.
	Next []string `json:"next"`
	// Gathered is evidence that the JVM was queried for because of this finding.
	Gathered *Gathered `json:"gathered,omitempty"`

	window window
	whole  float64 // the growth of unreclaimable memory in that time, bytes an hour
	series string  // that grew, where its bytes are not those of its row
	// measure is the series that grew, from and to are its first and last minimum.
	measure  string
	from, to float64
	waiting  string // the collection that must come first
	known    bool   // of an incident, not found again
	// uncollected: no collection has shown yet that any of it stays.
	uncollected bool
	few         bool // collections of a collector that frees all garbage each time
	slows       bool // over time, not against work
}

// Rate is a growth in bytes per hour, with its 95 % interval.
type Rate struct {
	BytesPerHour     int64 `json:"bytes_per_hour"`
	LowBytesPerHour  int64 `json:"low_bytes_per_hour"`
	HighBytesPerHour int64 `json:"high_bytes_per_hour"`
}

// Forecast is the time at which a limit is reached if growth continues.
type Forecast struct {
	// Reached is "container_limit" (OOM kill), "heap_limit" or "direct_limit" (Java
	// OutOfMemoryError; the latter: MaxDirectMemorySize).
	Reached string `json:"reached"`
	// Seconds from the time of the report.
	Seconds     float64 `json:"seconds"`
	LowSeconds  float64 `json:"low_seconds"`
	HighSeconds float64 `json:"high_seconds"`
	// MeanTraffic: growth changed with the traffic. Seconds assumes the mean of the last
	// TrafficSeconds, pauses included: of as long a time as it is away, at most since the growth
	// began. LowSeconds assumes the fastest and HighSeconds the slowest part that was no pause.
	// Otherwise the interval is that of the trend.
	MeanTraffic    bool    `json:"mean_traffic,omitempty"`
	TrafficSeconds float64 `json:"traffic_seconds,omitempty"`
}

// Limits that can be reached.
const (
	ContainerLimit = "container_limit"
	HeapLimit      = "heap_limit"
	DirectLimit    = "direct_limit"
)

// BudgetCheck compares the limit with the memory that the JVM may use: the maximum heap,
// and everything else at its peak since the JVM started.
type BudgetCheck struct {
	Fits        bool         `json:"fits"`
	LimitBytes  int64        `json:"limit_bytes"`
	NeededBytes int64        `json:"needed_bytes"`
	Parts       []BudgetPart `json:"parts"`
	// DeclaredBytes is the sum of all maxima: heap, metaspace, code cache, direct
	// buffers, stacks. It is rarely reached. Nil: one is unlimited.
	DeclaredBytes *int64 `json:"declared_bytes"`
}

// BudgetPart is a part of NeededBytes.
type BudgetPart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Gathered is evidence from queries of the JVM.
type Gathered struct {
	// Time of the query.
	Time time.Time `json:"time"`
	// Text has one line of evidence each.
	Text []string `json:"text,omitempty"`
	// Owners of native memory, of each JVM that was looked at.
	Owners []*owners.Report `json:"owners,omitempty"`
	// Causes are the lines of code that recordings show, one for each JVM.
	Causes []*cause.Finding `json:"causes,omitempty"`
	// Failed is the reason why evidence is missing.
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
