package breakdown

import (
	"encoding/json"
	"io"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Schema is the version of the JSON form. Fields may be added, none is renamed.
const Schema = "jvmem.breakdown/v1"

// Report is the breakdown of all containers with a JVM. Sizes are bytes; null is
// unknown, never zero.
type Report struct {
	Schema string `json:"schema"`
	// Time is when reading began. It has a monotonic clock reading, in case the wall
	// clock is set before the next report.
	Time time.Time `json:"time"`
	// SampleSeconds is how long reading took.
	SampleSeconds *float64    `json:"sample_seconds,omitempty"`
	Pod           *Pod        `json:"pod,omitempty"`
	Containers    []Container `json:"containers"`
	// Sources has those of no container, such as a process that may not be read.
	Sources []jvm.Source `json:"sources,omitempty"`
}

// Pod holds the values of the downward API.
type Pod struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	UID       string `json:"uid,omitempty"`
	Node      string `json:"node,omitempty"`
}

// Container is one container's memory.
type Container struct {
	rows.Identity

	LimitBytes      *int64 `json:"limit_bytes"` // null also if there is no limit, see Limited
	Limited         *bool  `json:"limited"`
	UsageBytes      *int64 `json:"usage_bytes"`
	WorkingSetBytes *int64 `json:"working_set_bytes"`
	RSSBytes        *int64 `json:"rss_bytes"`
	// ReclaimableBytes is memory that the kernel can reclaim before an OOM kill: page cache
	// and reclaimable slab. Dirty pages must be written first.
	ReclaimableBytes *int64 `json:"reclaimable_bytes"`
	// HeadroomBytes is the limit minus the working set.
	HeadroomBytes *int64 `json:"headroom_bytes"`
	PeakBytes     *int64 `json:"peak_bytes"`
	SwapBytes     *int64 `json:"swap_bytes"`
	OOMKills      *int64 `json:"oom_kills"`
	// OOMKillsTotal counts those that jvmem saw in this container and in earlier ones of
	// this name: after a restart, OOMKills begins at 0. nil: not counted, as in one look.
	OOMKillsTotal *int64 `json:"oom_kills_total,omitempty"`
	// RefaultBytes, MajorFaults and StalledSeconds are the cgroup's, see cgroup.Pressure.
	RefaultBytes   *int64   `json:"refault_bytes,omitempty"`
	MajorFaults    *int64   `json:"major_faults,omitempty"`
	StalledSeconds *float64 `json:"stalled_seconds,omitempty"`

	// Reading is the latest light reading; nil: there was none since Time.
	Reading *Reading `json:"now,omitempty"`
	// RowsAgeSeconds is how old the rows were when the report was served; nil: it was not
	// served.
	RowsAgeSeconds *float64 `json:"rows_age_seconds,omitempty"`

	// Owners is the look that divided untracked native memory; nil: it was not looked at.
	Owners *Look `json:"owners,omitempty"`

	// ReadAt is when the container was read, if it was not read for this report: a JVM
	// has not answered yet, or another container answered late. nil: Report.Time.
	ReadAt *time.Time `json:"read_at,omitempty"`

	Memory            []Row        `json:"memory"`
	UnattributedBytes *int64       `json:"unattributed_bytes"`
	JVMs              []JVM        `json:"jvms"`
	Sources           []jvm.Source `json:"sources"`
}

// Reading is a light reading. There are some between two samples where --max-cpu makes
// samples rare, and while nothing moves.
type Reading struct {
	Time             time.Time `json:"time"`
	LimitBytes       *int64    `json:"limit_bytes"` // null also if there is no limit
	UsageBytes       *int64    `json:"usage_bytes"`
	WorkingSetBytes  *int64    `json:"working_set_bytes"`
	ReclaimableBytes *int64    `json:"reclaimable_bytes"`
	HeadroomBytes    *int64    `json:"headroom_bytes"`
	OOMKills         *int64    `json:"oom_kills"`
	ThreadsLive      *int64    `json:"threads_live"` // of all JVMs
}

// Row is one use of memory.
type Row struct {
	Name rows.Name `json:"name"`
	// Bytes is what is resident and charged. The other sizes are those that HotSpot
	// reports for the same space.
	Bytes          *int64   `json:"bytes"`
	CommittedBytes *int64   `json:"committed_bytes,omitempty"`
	UsedBytes      *int64   `json:"used_bytes,omitempty"`
	ReservedBytes  *int64   `json:"reserved_bytes,omitempty"`
	Source         string   `json:"source,omitempty"`
	Detail         []Detail `json:"detail,omitempty"`
}

// Detail is a part of a row, or of another detail. Those that are known add up to the
// whole.
type Detail struct {
	Name string `json:"name"`
	// Library is the file name of that of an owner of native memory, "" for other details.
	Library string   `json:"library,omitempty"`
	Bytes   *int64   `json:"bytes"`
	Detail  []Detail `json:"detail,omitempty"`
}

// JVM is one JVM of a container.
type JVM struct {
	PID   int `json:"pid"`
	NSPID int `json:"ns_pid,omitempty"`
	// StartTicks is when the process started, in clock ticks since boot. With the PID
	// it identifies the JVM.
	StartTicks    uint64   `json:"start_ticks,omitempty"`
	Version       string   `json:"version,omitempty"`
	GC            string   `json:"gc,omitempty"`
	UptimeSeconds *float64 `json:"uptime_seconds"`
	// CPUSeconds is the CPU time of the JVM since its start; nil is unknown.
	CPUSeconds *float64 `json:"cpu_seconds,omitempty"`
	// CollectionSeconds is how much time garbage collections took since its start, with
	// concurrent collectors their pauses; nil is unknown.
	CollectionSeconds *float64 `json:"collection_seconds,omitempty"`
	// CollectionCPUSeconds is the CPU time of the collector's threads, up to a minute ago; nil is
	// unknown, as with ZGC and Shenandoah.
	CollectionCPUSeconds *float64 `json:"collection_cpu_seconds,omitempty"`
	NMT                  string   `json:"nmt,omitempty"`
	// Responded is whether it answered commands, and State that of its first thread: see
	// jvm.Facts. nil is unknown.
	Responded *bool  `json:"responded,omitempty"`
	State     string `json:"state,omitempty"`
	// Flags are HotSpot's memory flags, in HotSpot's units.
	Flags         map[string]any `json:"flags,omitempty"`
	LoadedClasses *int64         `json:"loaded_classes"`
	// Heap is its size as the JVM reports it; nil is unknown.
	Heap *jvm.Usage `json:"heap,omitempty"`
	// MallocWalkedAt is when malloc's blocks were walked through, by which native is split, with
	// what NMT and glibc report since; nil: it is split by these alone, or not at all.
	MallocWalkedAt *time.Time `json:"malloc_walked_at,omitempty"`
	// OldGeneration has what survived collections.
	OldGeneration *jvm.Old `json:"old_generation,omitempty"`
	Threads       struct {
		Live  int            `json:"live"`
		Pools []threads.Pool `json:"pools"`
		Idle  *threads.Idle  `json:"idle,omitempty"`
	} `json:"threads"`
}

// Path returns the cgroup of the container; its version is 0 if it is not known.
func (c *Container) Path() cgroup.Path { return cgroup.Path{Version: c.CgroupVersion, Name: c.Cgroup} }

// Row returns the row of that name.
func (c *Container) Row(name rows.Name) *Row {
	for i := range c.Memory {
		if c.Memory[i].Name == name {
			return &c.Memory[i]
		}
	}
	return nil
}

// Now returns the container with the numbers of the latest light reading; the rows are
// those of the last sample.
func (c *Container) Now() Container {
	now := *c
	if r := c.Reading; r != nil && r.UsageBytes != nil {
		now.LimitBytes, now.UsageBytes, now.WorkingSetBytes, now.ReclaimableBytes = r.LimitBytes, r.UsageBytes, r.WorkingSetBytes, r.ReclaimableBytes
		now.HeadroomBytes, now.OOMKills = r.HeadroomBytes, r.OOMKills
	}
	return now
}

// Complete reports whether usage and all rows are known.
func (c *Container) Complete() bool {
	if c.UsageBytes == nil {
		return false
	}
	for i := range c.Memory {
		if c.Memory[i].Bytes == nil {
			return false
		}
	}
	return true
}

// Complete reports whether all containers are.
func (r *Report) Complete() bool {
	for i := range r.Containers {
		if !r.Containers[i].Complete() {
			return false
		}
	}
	return len(r.Containers) > 0
}

// WriteJSON writes the report in the form of Schema.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	utc := *r
	utc.Time = r.Time.UTC()
	return encoder.Encode(&utc)
}
