package fleet

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const sizingSchema = "jvmem.sizing/v1"

// Sizing is a jvmem.sizing/v1.
type Sizing struct {
	Containers []ContainerSizing `json:"containers"`
}

// ContainerSizing is what to set for a container. nil is unknown.
type ContainerSizing struct {
	Name        string    `json:"name"`
	ID          string    `json:"id"`
	LimitBytes  *int64    `json:"limit_bytes"`
	Confidence  string    `json:"confidence"`
	Missing     []string  `json:"missing"`
	Leaks       []string  `json:"leaks"`
	Recommended *Settings `json:"recommended"`
}

// Settings are a limit and what fits it.
type Settings struct {
	LimitBytes             int64    `json:"limit_bytes"`
	NeededBytes            int64    `json:"needed_bytes"`
	MaxHeapBytes           int64    `json:"max_heap_bytes"`
	MaxMetaspaceBytes      *int64   `json:"max_metaspace_bytes"`
	ReservedCodeCacheBytes *int64   `json:"reserved_code_cache_bytes"`
	MaxDirectMemoryBytes   *int64   `json:"max_direct_memory_bytes"`
	Options                []string `json:"options"`
	// JVMs have the options of several JVMs.
	JVMs []JVMSettings `json:"jvms,omitempty"`
}

// JVMSettings are those of one of several JVMs in a container.
type JVMSettings struct {
	PID     int      `json:"pid"`
	Options []string `json:"options"`
}

// SizingAnswer is what a sidecar says to set; Sizing is nil if there is a Problem.
type SizingAnswer struct {
	Target
	Sizing *Sizing
}

// Size asks all targets for sizes, as Collect does.
func (p *Proxy) Size(ctx context.Context, targets []Target, timeout time.Duration, done func()) []SizingAnswer {
	answers := make([]SizingAnswer, len(targets))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range targets {
		group.Go(func() error {
			defer done()
			a := &answers[i]
			if a.Target = targets[i]; a.Problem != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			var s Sizing
			if _, a.Problem = p.document(ctx, &a.Target, "sizing", sizingSchema, &s); a.Problem == nil {
				a.Sizing = &s
			}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return answers
}
