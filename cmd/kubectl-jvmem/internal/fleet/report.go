package fleet

import (
	"encoding/json"
	"fmt"
	"time"
)

// Breakdown is a jvmem.breakdown/v1. nil is unknown, here and below.
type Breakdown struct {
	Time       time.Time   `json:"time"`
	Containers []Container `json:"containers"`
}

// Container is one container with a JVM.
type Container struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	Cgroup           string   `json:"cgroup"`
	LimitBytes       *int64   `json:"limit_bytes"`
	Limited          *bool    `json:"limited"`
	UsageBytes       *int64   `json:"usage_bytes"`
	ReclaimableBytes *int64   `json:"reclaimable_bytes"`
	OOMKills         *int64   `json:"oom_kills"`
	OOMKillsTotal    *int64   `json:"oom_kills_total"`
	RowsAgeSeconds   *float64 `json:"rows_age_seconds"`
	// Now is a light reading after the rows were read.
	Now *struct {
		LimitBytes       *int64 `json:"limit_bytes"`
		UsageBytes       *int64 `json:"usage_bytes"`
		ReclaimableBytes *int64 `json:"reclaimable_bytes"`
		OOMKills         *int64 `json:"oom_kills"`
	} `json:"now"`
	ReadAt            *time.Time `json:"read_at"`
	Memory            []Row      `json:"memory"`
	UnattributedBytes *int64     `json:"unattributed_bytes"`
	JVMs              []JVM      `json:"jvms"`
}

// Row is a row of the breakdown, or a detail of one.
type Row struct {
	Name      string `json:"name"`
	Bytes     *int64 `json:"bytes"`
	UsedBytes *int64 `json:"used_bytes"`
	Detail    []Row  `json:"detail"`
}

// JVM is one JVM of a container.
type JVM struct {
	Version       string         `json:"version"`
	GC            string         `json:"gc"`
	UptimeSeconds *float64       `json:"uptime_seconds"`
	NMT           string         `json:"nmt"`
	Flags         map[string]any `json:"flags"`
	LoadedClasses *int64         `json:"loaded_classes"`
	Threads       struct {
		Live  int64  `json:"live"`
		Pools []Pool `json:"pools"`
	} `json:"threads"`
}

// Pool is a group of threads of similar names.
type Pool struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Diagnosis is a jvmem.diagnosis/v1.
type Diagnosis struct {
	Time       time.Time `json:"time"`
	Containers []Verdict `json:"containers"`
}

// Verdict is the conclusion about one container.
type Verdict struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Cgroup  string `json:"cgroup"`
	Verdict string `json:"verdict"`
	Subject string `json:"subject"`
	Summary string `json:"summary"`
	// Since is nil if growth was not judged.
	Since *time.Time `json:"since"`
	// Growth is that of unreclaimable memory.
	Growth    *Rate      `json:"growth"`
	Forecast  *Forecast  `json:"forecast"`
	Incidents []Incident `json:"incidents"`
	// NotJudged names what could not be judged: it may grow all the same.
	NotJudged []string `json:"not_judged"`
}

// Judged reports whether growth was judged.
func (v *Verdict) Judged() bool {
	return v.Since != nil && v.Verdict != NotEnoughHistory && v.Verdict != NotObservable
}

// The verdicts that judge nothing.
const (
	NotEnoughHistory = "not_enough_history"
	NotObservable    = "not_observable"
)

// Incident is a leak of the present JVM.
type Incident struct {
	Verdict string `json:"verdict"`
	Subject string `json:"subject"`
	Row     string `json:"row"`
	State   string `json:"state"`
	Rate    *Rate  `json:"rate"`
}

// The states of an incident that count.
const (
	Suspected = "suspected"
	Confirmed = "confirmed"
	Paused    = "paused"
)

// Rate is a growth.
type Rate struct {
	BytesPerHour int64 `json:"bytes_per_hour"`
}

// Forecast is the time at which a limit is reached.
type Forecast struct {
	Reached string  `json:"reached"`
	Seconds float64 `json:"seconds"`
}

// decode reads a document of a schema.
func decode(body []byte, schema string, into any) error {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if head.Schema != schema {
		return fmt.Errorf("schema %.40q, want %s", head.Schema, schema)
	}
	return json.Unmarshal(body, into)
}

// Unreclaimable is usage without what the kernel can reclaim, of the latest reading: the
// container is killed when it reaches the limit.
func (c *Container) Unreclaimable() *int64 {
	usage, reclaimable := c.UsageBytes, c.ReclaimableBytes
	if c.Now != nil && c.Now.UsageBytes != nil {
		usage, reclaimable = c.Now.UsageBytes, c.Now.ReclaimableBytes
	}
	if usage == nil || reclaimable == nil {
		return nil
	}
	return new(max(0, *usage-*reclaimable)) // both are read at slightly different times
}

// Limit is that of the latest reading; it can be resized.
func (c *Container) Limit() *int64 {
	if c.Now != nil && c.Now.LimitBytes != nil {
		return c.Now.LimitBytes
	}
	return c.LimitBytes
}

// Kills counts the OOM kills that the kernel or the sidecar knows of, whoever knows more:
// the kernel begins at 0 after a restart of the container, the sidecar when it starts. A
// sidecar that cannot read the kernel's number has seen none for that reason.
func (c *Container) Kills() *int64 {
	kernel := c.OOMKills
	if c.Now != nil && c.Now.OOMKills != nil {
		kernel = c.Now.OOMKills
	}
	total := c.OOMKillsTotal
	switch {
	case kernel == nil && total != nil && *total > 0:
		return total
	case kernel == nil || total == nil:
		return kernel
	}
	return new(max(*kernel, *total))
}

// VerdictOn returns the verdict on a container; nil if there is none.
func (d *Diagnosis) VerdictOn(c *Container) *Verdict {
	if d == nil {
		return nil
	}
	for i := range d.Containers {
		if v := &d.Containers[i]; v.ID == c.ID && v.Cgroup == c.Cgroup && v.Name == c.Name {
			return v
		}
	}
	return nil
}
