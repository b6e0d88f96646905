package sidecar

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Breakdown is jvmem.breakdown/v1. A nil pointer is a null.
type Breakdown struct {
	Schema     string      `json:"schema"`
	Time       time.Time   `json:"time"`
	Containers []Container `json:"containers"`
	// SampleSeconds is nil in a report of readings that were late.
	SampleSeconds *float64 `json:"sample_seconds"`
	Sources       []Source `json:"sources"`
}

// Container is one container with a JVM.
type Container struct {
	ID                string   `json:"id"`
	Name              string   `json:"name"`
	CgroupVersion     int      `json:"cgroup_version"`
	LimitBytes        *int64   `json:"limit_bytes"`
	UsageBytes        *int64   `json:"usage_bytes"`
	WorkingSetBytes   *int64   `json:"working_set_bytes"`
	RSSBytes          *int64   `json:"rss_bytes"`
	ReclaimableBytes  *int64   `json:"reclaimable_bytes"`
	HeadroomBytes     *int64   `json:"headroom_bytes"`
	OOMKills          *int64   `json:"oom_kills"`
	Memory            []Row    `json:"memory"`
	UnattributedBytes *int64   `json:"unattributed_bytes"`
	JVMs              []JVM    `json:"jvms"`
	Sources           []Source `json:"sources"`
	// ReadAt is set if the container was not read for this report.
	ReadAt *time.Time `json:"read_at"`
}

// Row is a row of the breakdown, or a detail of one.
type Row struct {
	Name           string `json:"name"`
	Bytes          *int64 `json:"bytes"`
	CommittedBytes *int64 `json:"committed_bytes"`
	UsedBytes      *int64 `json:"used_bytes"`
	Detail         []Row  `json:"detail"`
}

// JVM is one JVM of a container.
type JVM struct {
	PID           int      `json:"pid"`
	Version       string   `json:"version"`
	GC            string   `json:"gc"`
	UptimeSeconds *float64 `json:"uptime_seconds"`
	NMT           string   `json:"nmt"`
	Threads       struct {
		Live  int    `json:"live"`
		Pools []Pool `json:"pools"`
	} `json:"threads"`
}

// Pool is a group of threads of similar names.
type Pool struct {
	Name       string `json:"name"`
	Count      int    `json:"count"`
	StackBytes *int64 `json:"stack_bytes"`
}

// Source is something that jvmem reads; a failed one has a reason and a fix.
type Source struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
	Fix    string `json:"fix"`
}

// RowNames returns the names of all rows, in the order of the contract.
func RowNames() []string {
	return []string{
		"heap", "metaspace", "threads", "code_cache", "gc", "native", "libraries",
		"other_processes", "mapped_files", "shmem", "page_cache", "kernel",
	}
}

// ParseBreakdown decodes a breakdown. A field of the contract that is absent, rather
// than null, is an error, and so is a row that is missing or in another place.
func ParseBreakdown(text []byte) (*Breakdown, error) {
	var b Breakdown
	var fields map[string]any
	for _, to := range []any{&b, &fields} {
		if err := json.Unmarshal(text, to); err != nil {
			return nil, fmt.Errorf("breakdown: %w: %s", err, text)
		}
	}
	missing := missingFields("breakdown", fields)
	for _, c := range objects(fields["containers"]) {
		missing = append(missing, missingFields("container", c)...)
		for _, row := range objects(c["memory"]) {
			missing = append(missing, missingFields("row", row)...)
			for _, detail := range objects(row["detail"]) {
				missing = append(missing, missingFields("detail", detail)...)
			}
		}
		for _, j := range objects(c["jvms"]) {
			missing = append(missing, missingFields("jvm", j)...)
			threads, _ := j["threads"].(map[string]any)
			missing = append(missing, missingFields("threads", threads)...)
			for _, pool := range objects(threads["pools"]) {
				missing = append(missing, missingFields("pool", pool)...)
			}
		}
		for _, source := range objects(c["sources"]) {
			missing = append(missing, missingFields("source", source)...)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("breakdown lacks %v: %s", missing, text)
	}
	if b.Schema != "jvmem.breakdown/v1" {
		return nil, fmt.Errorf("breakdown has schema %q", b.Schema)
	}
	for _, c := range b.Containers {
		names := make([]string, 0, len(c.Memory))
		for _, row := range c.Memory {
			names = append(names, row.Name)
		}
		if !slices.Equal(names, RowNames()) {
			return nil, fmt.Errorf("breakdown has rows %v, want %v", names, RowNames())
		}
	}
	return &b, nil
}

func missingFields(object string, fields map[string]any) []string {
	want := map[string]string{
		"breakdown": "schema time containers",
		"container": "cgroup_version limit_bytes usage_bytes working_set_bytes rss_bytes reclaimable_bytes " +
			"headroom_bytes oom_kills memory unattributed_bytes jvms sources",
		"row":     "name bytes",
		"detail":  "name bytes",
		"jvm":     "pid uptime_seconds threads",
		"threads": "live pools",
		"pool":    "name count stack_bytes",
		"source":  "name ok",
	}
	var missing []string
	for field := range strings.FieldsSeq(want[object]) {
		if _, ok := fields[field]; !ok {
			missing = append(missing, object+"."+field)
		}
	}
	return missing
}

func objects(list any) []map[string]any {
	items, _ := list.([]any)
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		object, _ := item.(map[string]any)
		out = append(out, object)
	}
	return out
}

// Only returns the only container, and fails the test if there is none or another.
func (b *Breakdown) Only(t *testing.T) *Container {
	t.Helper()
	if len(b.Containers) != 1 {
		t.Fatalf("%d containers, want 1; sources %+v", len(b.Containers), b.Sources)
	}
	return &b.Containers[0]
}

// Row returns the row of that name; one without a size if there is none.
func (c *Container) Row(name string) *Row { return find(c.Memory, name) }

// Part returns the detail of that name; one without a size if there is none.
func (r *Row) Part(name string) *Row { return find(r.Detail, name) }

func find(rows []Row, name string) *Row {
	for i := range rows {
		if rows[i].Name == name {
			return &rows[i]
		}
	}
	return &Row{Name: name}
}

// Unknown returns the names of the rows that are null.
func (c *Container) Unknown() []string {
	var names []string
	for _, row := range c.Memory {
		if row.Bytes == nil {
			names = append(names, row.Name)
		}
	}
	return names
}

// Failed returns the failed source of that name; ok is false if there is none.
func (c *Container) Failed(name string) (s Source, ok bool) {
	for _, s := range c.Sources {
		if s.Name == name && !s.OK {
			return s, true
		}
	}
	return Source{}, false
}

// Explained reports whether a source's reason or fix contains a text.
func Explained(sources []Source, text string) bool {
	for _, s := range sources {
		if strings.Contains(s.Reason+"; "+s.Fix, text) {
			return true
		}
	}
	return false
}

func (c *Container) String() string {
	var b strings.Builder
	for _, row := range c.Memory {
		fmt.Fprintf(&b, "%s %s, ", row.Name, KiB(row.Bytes))
	}
	fmt.Fprintf(&b, "unattributed %s, usage %s\n", KiB(c.UnattributedBytes), KiB(c.UsageBytes))
	for _, s := range c.Sources {
		if !s.OK {
			fmt.Fprintf(&b, "  %s: %s; %s\n", s.Name, s.Reason, s.Fix)
		}
	}
	return b.String()
}

// KiB formats a size that may be unknown.
func KiB(bytes *int64) string {
	if bytes == nil {
		return "null"
	}
	return fmt.Sprintf("%d KiB", *bytes>>10)
}
