package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// report is the contract's breakdown, jvmem.breakdown/v1. A pointer that is nil
// is a null.
type report struct {
	Schema     string      `json:"schema"`
	Time       time.Time   `json:"time"`
	Containers []container `json:"containers"`
	Sources    []source    `json:"sources"`
}

type container struct {
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
	Memory            []row    `json:"memory"`
	UnattributedBytes *int64   `json:"unattributed_bytes"`
	JVMs              []jvm    `json:"jvms"`
	Sources           []source `json:"sources"`
}

type row struct {
	Name           string `json:"name"`
	Bytes          *int64 `json:"bytes"`
	CommittedBytes *int64 `json:"committed_bytes"`
	UsedBytes      *int64 `json:"used_bytes"`
	Detail         []row  `json:"detail"`
}

type jvm struct {
	PID           int      `json:"pid"`
	Version       string   `json:"version"`
	GC            string   `json:"gc"`
	UptimeSeconds *float64 `json:"uptime_seconds"`
	NMT           string   `json:"nmt"`
	Threads       struct {
		Live  int    `json:"live"`
		Pools []pool `json:"pools"`
	} `json:"threads"`
}

type pool struct {
	Name       string `json:"name"`
	Count      int    `json:"count"`
	StackBytes *int64 `json:"stack_bytes"`
}

type source struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
	Fix    string `json:"fix"`
}

// rowNames are the rows, all of them, in their order.
var rowNames = []string{
	"heap", "metaspace", "threads", "code_cache", "gc", "native", "libraries",
	"other_processes", "mapped_files", "shmem", "page_cache", "kernel",
}

// parseReport decodes a report and checks its form: what the contract names is
// there, if only as a null.
func parseReport(t *testing.T, text []byte) report {
	t.Helper()
	var r report
	var fields map[string]any
	for _, to := range []any{&r, &fields} {
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatalf("not the JSON of a report: %v\n%s", err, text)
		}
	}
	missing := missingFields("report", fields)
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
		t.Fatalf("fields of the contract are missing: %v\n%s", missing, text)
	}
	if r.Schema != "jvmem.breakdown/v1" {
		t.Errorf("schema %q", r.Schema)
	}
	for _, c := range r.Containers {
		names := make([]string, 0, len(c.Memory))
		for _, row := range c.Memory {
			names = append(names, row.Name)
		}
		if !slices.Equal(names, rowNames) {
			t.Errorf("rows %v, want %v", names, rowNames)
		}
	}
	return r
}

func missingFields(object string, fields map[string]any) []string {
	want := map[string]string{
		"report": "schema time containers",
		"container": "cgroup_version limit_bytes usage_bytes working_set_bytes rss_bytes reclaimable_bytes " +
			"headroom_bytes oom_kills memory unattributed_bytes jvms sources id",
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

// only returns the report's only container.
func (r *report) only(t *testing.T) *container {
	t.Helper()
	if len(r.Containers) != 1 {
		t.Fatalf("%d containers, want 1; sources %+v", len(r.Containers), r.Sources)
	}
	return &r.Containers[0]
}

func (c *container) row(name string) *row {
	for i := range c.Memory {
		if c.Memory[i].Name == name {
			return &c.Memory[i]
		}
	}
	return &row{Name: name}
}

func (r *row) detail(name string) *row {
	for i := range r.Detail {
		if r.Detail[i].Name == name {
			return &r.Detail[i]
		}
	}
	return &row{Name: name}
}

// unknown returns the rows that are null.
func (c *container) unknown() []string {
	var names []string
	for _, row := range c.Memory {
		if row.Bytes == nil {
			names = append(names, row.Name)
		}
	}
	return names
}

// failed returns what the failed source of that name says; ok is false if there
// is none.
func (c *container) failed(name string) (s source, ok bool) {
	for _, s := range c.Sources {
		if s.Name == name && !s.OK {
			return s, true
		}
	}
	return source{}, false
}

func (c *container) String() string {
	var b strings.Builder
	for _, row := range c.Memory {
		fmt.Fprintf(&b, "%s %s, ", row.Name, kib(row.Bytes))
	}
	fmt.Fprintf(&b, "unattributed %s, usage %s\n", kib(c.UnattributedBytes), kib(c.UsageBytes))
	for _, s := range c.Sources {
		if !s.OK {
			fmt.Fprintf(&b, "  %s: %s; %s\n", s.Name, s.Reason, s.Fix)
		}
	}
	return b.String()
}

func kib(bytes *int64) string {
	if bytes == nil {
		return "null"
	}
	return fmt.Sprintf("%d KiB", *bytes>>10)
}
