package breakdown

import (
	"slices"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Facts holds what was read of one container at one time.
type Facts struct {
	rows.Identity
	// PageBytes is the size of a page; 0: not recorded, at most 16 KiB.
	PageBytes int64 `json:"page_bytes,omitempty"`
	// Root: the JVM is in v1's root cgroup, whose usage is that of the whole machine
	// without kernel memory.
	Root bool `json:"root,omitempty"`
	// Memory is nil if the cgroup could not be read.
	Memory *cgroup.Memory `json:"memory,omitempty"`
	JVMs   []jvm.Facts    `json:"jvms"`
	// Others are the container's other processes.
	Others  []Process    `json:"others,omitempty"`
	Sources []jvm.Source `json:"sources,omitempty"`
}

// Process is a process that is not a JVM.
type Process struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Threads int    `json:"threads"`
	// Pages is nil if the process' smaps may not be read.
	Pages           *resident.Bytes `json:"pages,omitempty"`
	PageTablesBytes int64           `json:"page_tables_bytes"`
}

// named reports whether the ranges of all these kinds are known in all JVMs.
func (f *Facts) named(kinds ...ranges.Kind) bool {
	for i := range f.JVMs {
		for _, k := range kinds {
			if !slices.Contains(f.JVMs[i].Named, k) {
				return false
			}
		}
	}
	return true
}

// mapped reports whether the mappings of all JVMs are known.
func (f *Facts) mapped() bool {
	for i := range f.JVMs {
		if f.JVMs[i].Resident == nil {
			return false
		}
	}
	return true
}

// anon is the private memory in ranges of these kinds, in all JVMs.
func (f *Facts) anon(kinds ...ranges.Kind) int64 { return f.resident(kinds).AnonBytes }

// reserved is the address space of ranges of these kinds, in all JVMs.
func (f *Facts) reserved(kinds ...ranges.Kind) int64 { return f.resident(kinds).ReservedBytes }

func (f *Facts) resident(kinds []ranges.Kind) resident.Bytes {
	var sum resident.Bytes
	for i := range f.JVMs {
		for _, k := range kinds {
			sum.Add(f.JVMs[i].Resident[k])
		}
	}
	return sum
}

// PrivateBytes is the private memory of all processes; nil: unknown.
func (f *Facts) PrivateBytes() *int64 {
	pages, all := f.others()
	if !all || !f.mapped() {
		return nil
	}
	return new(pages.AnonBytes + f.jvmBytes())
}

// jvmBytes is the private memory of the JVMs.
func (f *Facts) jvmBytes() (sum int64) {
	for i := range f.JVMs {
		for _, r := range f.JVMs[i].Resident {
			sum += r.AnonBytes
		}
	}
	return sum
}

// others is the sum of the other processes that could be read; all is false if some
// could not.
func (f *Facts) others() (pages resident.Bytes, all bool) {
	all = true
	for _, p := range f.Others {
		if p.Pages == nil {
			all = false
			continue
		}
		pages.Add(*p.Pages)
	}
	return pages, all
}
