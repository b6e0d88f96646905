package sizing

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Schema is the version of the JSON form. Fields may be added, none is renamed.
const Schema = "jvmem.sizing/v1"

// maxLimit is far above the memory of any machine.
const maxLimit = 1 << 50

// Report has the sizes of all containers. Sizes are bytes; null is unknown, never zero.
type Report struct {
	Schema     string         `json:"schema"`
	Time       time.Time      `json:"time"`
	Pod        *breakdown.Pod `json:"pod,omitempty"`
	Containers []Container    `json:"containers"`
}

// Container is what to set for one container.
type Container struct {
	rows.Identity

	LimitBytes *int64 `json:"limit_bytes"` // null also if there is no limit
	// Confidence is low where Missing says what would improve it, or make sizes possible.
	Confidence Confidence `json:"confidence"`
	Observed   Observed   `json:"observed"`
	Missing    []string   `json:"missing,omitempty"`
	// Leaks must be fixed first.
	Leaks []string `json:"leaks,omitempty"`
	Rows  []Row    `json:"rows"`
	// Current says whether the current settings fit the limit; null: one of them is not known.
	Current *Current `json:"current"`
	// Recommended is what the memory that was seen needs. Null: Missing or Leaks says why.
	Recommended *Settings `json:"recommended"`
	// ForLimit is what fits the current limit, or the one that was asked for.
	ForLimit *Settings `json:"for_limit"`
	Wasted   []Waste   `json:"wasted,omitempty"`
	// Notes are what else to set or to know.
	Notes []string `json:"notes,omitempty"`

	plan     *plan // nil: there are no sizes
	retained int64
}

// Confidence is how far the sizes can be trusted.
type Confidence string

// High takes a day with load in which the old generation was collected, Medium an hour.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// Observed is what the sizes are based on.
type Observed struct {
	// Seconds since the start of the JVM, or of jvmem.
	Seconds float64 `json:"seconds"`
	// MeanCores and BusiestCores are what the JVM used, on average and in the busiest minute.
	MeanCores    *float64 `json:"mean_cores"`
	BusiestCores *float64 `json:"busiest_cores"`
	// Collections are those of the old generation, as samples saw them.
	Collections int `json:"collections"`
	// CollectingShare is the part of the busiest minute that pauses for collections took.
	CollectingShare *float64 `json:"collecting_share"`
	// CollectingCPUShare is the part of the JVM's CPU time that its collector took.
	CollectingCPUShare *float64 `json:"collecting_cpu_share"`
}

// Row is what a row needs.
type Row struct {
	Name rows.Name `json:"name"`
	// PeakBytes is the most that was resident.
	PeakBytes *int64 `json:"peak_bytes"`
	// NeedBytes is null if the row is unknown, or leaks.
	NeedBytes *int64 `json:"need_bytes"`
	Why       string `json:"why"`
}

// Waste is memory that could be given back.
type Waste struct {
	What  string `json:"what"` // limit, heap or allocator_retained
	Bytes int64  `json:"bytes"`
	Text  string `json:"text"`
}

// All sizes each container of a recorded history as of its last sample. limit is the one to
// find settings for; 0: the current one.
func All(d *history.Document, limit int64) *Report {
	r := &Report{Schema: Schema, Time: d.Time, Pod: d.Pod, Containers: []Container{}}
	for _, c := range d.Containers {
		verdict := diagnosis.Diagnose(c)
		r.Containers = append(r.Containers, Of(c, &verdict))
	}
	if limit > 0 {
		return r.For(limit)
	}
	return r
}

// For returns the report with settings that fit another limit.
func (r *Report) For(limit int64) *Report {
	other := *r
	other.Containers = make([]Container, 0, len(r.Containers))
	for _, c := range r.Containers {
		c.ForLimit = c.plan.fit(limit)
		other.Containers = append(other.Containers, c)
	}
	return &other
}

// ParseLimit reads a size in bytes, or with a unit as in Kubernetes: 512Mi, 1.5G.
func ParseLimit(text string) (int64, error) {
	number := strings.TrimRight(text, "KMGTi")
	unit, known := map[string]float64{
		"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
	}[text[len(number):]]
	bytes, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || !(bytes > 0 && bytes*unit <= maxLimit) {
		return 0, fmt.Errorf("limit %q: must be a size as in Kubernetes, such as 512Mi", text)
	}
	return int64(bytes * unit), nil
}

// WriteJSON writes the report in the form of Schema.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	utc := *r
	utc.Time = r.Time.UTC()
	return encoder.Encode(&utc)
}
