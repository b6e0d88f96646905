package jvm

import (
	"errors"
	"strings"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/jvm/threads"
)

// Facts holds what was read of one JVM: everything that attribution needs, and no
// conclusions. nil means unknown. Facts can be written as JSON and read back, so that
// recordings can be attributed again.
type Facts struct {
	PID   int `json:"pid"`
	NSPID int `json:"ns_pid"`
	// StartTicks and PID identify the process.
	StartTicks uint64 `json:"start_ticks"`

	Version       string   `json:"version,omitempty"`
	Major         int      `json:"major,omitempty"` // 8, 11, 17 ...; 0 unknown
	Collector     string   `json:"collector,omitempty"`
	UptimeSeconds *float64 `json:"uptime_seconds,omitempty"`
	// CPUSeconds is the CPU time of all threads, ended ones too, user and system; nil: unknown,
	// or left out this time, as there are many threads.
	CPUSeconds *float64 `json:"cpu_seconds,omitempty"`
	// CollectionSeconds is the time spent in garbage collections, with concurrent collectors
	// in their pauses.
	CollectionSeconds *float64 `json:"collection_seconds,omitempty"`
	// CollectionCPUSeconds is the CPU time of the collector's threads: hsperf.Summary.CollectionCPU, or
	// where the JVM does not count it, what the kernel counted up to a minute ago. nil: unknown, as with
	// ZGC and Shenandoah.
	CollectionCPUSeconds *float64 `json:"collection_cpu_seconds,omitempty"`
	// Responded is whether it answered commands in time; nil: it was not asked, because
	// attach is disabled, or not permitted.
	Responded *bool `json:"responded,omitempty"`
	// State is that of its first thread in /proc/<pid>/stat: "T" is stopped, "D" waits for
	// a device.
	State string `json:"state,omitempty"`
	// Flags are some of HotSpot's flags about memory, in HotSpot's units (bytes,
	// but ThreadStackSize in KiB); "unlimited" where there is no maximum.
	Flags map[string]any `json:"flags,omitempty"`
	// NMT is "off", "summary" or "detail"; "" if the JVM could not be queried.
	NMT string `json:"nmt,omitempty"`

	// Resident is the resident memory by kind. nil: smaps could not be read.
	Resident map[ranges.Kind]resident.Bytes `json:"resident,omitempty"`
	// HeapDerived: the private pages of the heap were not counted. They are what is left of
	// RssAnon.
	HeapDerived bool `json:"heap_derived,omitempty"`
	// Ranges is the best source of address ranges.
	Ranges ranges.Source `json:"ranges,omitempty"`
	// Named are the kinds of anonymous memory whose ranges are all known. The
	// others' memory is in Resident as ranges.Unknown.
	Named []ranges.Kind `json:"named,omitempty"`
	// HeapFileBytes is the allocated size of ZGC's heap file. It is charged as shared
	// memory however often it is mapped. nil: no such file.
	HeapFileBytes *int64 `json:"heap_file_bytes,omitempty"`

	Heap       *Usage      `json:"heap,omitempty"`
	Old        *Old        `json:"old_generation,omitempty"`
	Metaspace  *Usage      `json:"metaspace,omitempty"` // without the class space
	ClassSpace *Usage      `json:"class_space,omitempty"`
	CodeCache  *Usage      `json:"code_cache,omitempty"`
	Malloc     *Malloc     `json:"malloc,omitempty"`
	Report     *nmt.Report `json:"nmt_report,omitempty"`
	Blocks     *Blocks     `json:"blocks,omitempty"` // nil: never walked through

	Threads Threads `json:"threads"`
	Classes *int64  `json:"classes,omitempty"` // loaded now

	PageTablesBytes int64 `json:"page_tables_bytes"`
	SwapBytes       int64 `json:"swap_bytes,omitempty"`

	// Sources are the sources, with what failed.
	Sources []Source `json:"sources"`
}

// Usage is the size of a space by HotSpot's definitions, in bytes.
type Usage struct {
	UsedBytes      *int64 `json:"used_bytes,omitempty"`
	CommittedBytes *int64 `json:"committed_bytes,omitempty"`
	ReservedBytes  *int64 `json:"reserved_bytes,omitempty"`
}

// Old is the generation of objects that survived collections, as hsperfdata has it: the
// whole heap with a collector that has one generation.
type Old struct {
	// UsedBytes is that of the last collection, or the current one, depending on the
	// collector: the minimum between two collections is what survived.
	UsedBytes int64 `json:"used_bytes"`
	// MaxBytes is its maximum: with Serial and Parallel less than the heap, part of
	// which is the young generation. nil: unknown.
	MaxBytes *int64 `json:"max_bytes,omitempty"`
	// Collections counts those that collect this generation, or their pauses (G1 of JDK
	// 8 reports only full ones); nil: unknown.
	Collections *int64 `json:"collections,omitempty"`
	// WholeHeap: the counters have one generation (Shenandoah, Epsilon, ZGC without ZGenerational).
	WholeHeap bool `json:"whole_heap,omitempty"`
}

// Malloc is glibc's own accounting, as VM.info prints it (JDK 17 and newer).
type Malloc struct {
	InUseBytes int64 `json:"in_use_bytes"` // allocated and not freed
	FreeBytes  int64 `json:"free_bytes"`   // freed and retained
}

// Threads is the threads of one JVM.
type Threads struct {
	Live  int            `json:"live"` // all threads of the process
	Pools []threads.Pool `json:"pools"`
	// Idle is about the largest pool, if it has hundreds of threads; nil: not known.
	Idle *threads.Idle `json:"idle,omitempty"`
}

// Source is one source of facts.
type Source struct {
	Name string `json:"name"`
	PID  int    `json:"pid,omitempty"` // of the JVM, 0 if it concerns no single one
	OK   bool   `json:"ok"`
	// Reason and Fix are for users: what is missing, and what to do about it.
	Reason string `json:"reason,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// Names of sources.
const (
	SourceAttach    = "attach"
	SourceNMT       = "nmt"
	SourceHsperf    = "hsperfdata"
	SourceVMStructs = "vm_structs"
	SourceSmaps     = "smaps"
	SourcePagemap   = "pagemap"
	SourceRanges    = "ranges"
	SourceHeapFile  = "heap_file" // ZGC only
	SourceBlocks    = "malloc_blocks"
)

// worked and failed record a source.
func (f *Facts) worked(source string) {
	f.Sources = append(f.Sources, Source{Name: source, PID: f.PID, OK: true})
}

func (f *Facts) failed(source string, err error, fix string) {
	s := Source{Name: source, PID: f.PID, Reason: err.Error(), Fix: fix}
	var attachErr *attach.Error
	if errors.As(err, &attachErr) {
		s.Reason, s.Fix = attachErr.Reason, attachErr.Fix
	}
	s.Reason = Printable(strings.ReplaceAll(s.Reason, "\n", "; "), maxReasonBytes) // of several errors
	f.Sources = append(f.Sources, s)
}
