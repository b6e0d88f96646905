package jvm

import (
	"errors"
	"time"

	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/proc"
)

// Handle keeps files of a JVM open for the time when it ends. It does not need the JVM's
// Process, and may be used from another goroutine.
type Handle struct {
	*proc.Handle
	perf *hsperf.Reader // nil: no file that remains readable after the end
}

// OpenHandle opens the files that are needed at the end of the JVM started at that time:
// three descriptors, until Close. ErrGone: the process ended.
func OpenHandle(procfs string, pid int, startTicks uint64) (*Handle, error) {
	h, err := proc.OpenHandle(procfs, pid, startTicks)
	if err != nil {
		return nil, err
	}
	perf, _ := hsperf.Open(procfs, pid)
	return &Handle{Handle: h, perf: perf}, nil
}

// Close closes the descriptors and ends a wait.
func (h *Handle) Close() error {
	err := h.Handle.Close()
	if h.perf != nil {
		err = errors.Join(err, h.perf.Close())
	}
	return err
}

// FinalCounters are the last values of a JVM's counters. nil: it did not have that counter.
type FinalCounters struct {
	// Heap as of the last collection, or newer: see package hsperf.
	HeapUsedBytes      *int64 `json:"heap_used_bytes"`
	HeapCommittedBytes *int64 `json:"heap_committed_bytes"`
	// Metaspace holds class space too.
	MetaspaceUsedBytes      *int64 `json:"metaspace_used_bytes"`
	MetaspaceCommittedBytes *int64 `json:"metaspace_committed_bytes"`
	// Java threads: those of the VM itself are not counted.
	ThreadsLive    *int64 `json:"threads_live"`
	ThreadsPeak    *int64 `json:"threads_peak"`
	ThreadsStarted *int64 `json:"threads_started"`
	// Classes that were loaded at that time.
	Classes     *int64       `json:"classes"`
	Collections []Collection `json:"collections,omitempty"`
}

// Collection is the work of one collector since the JVM started.
type Collection struct {
	Name    string   `json:"name"`
	Count   *int64   `json:"count"`
	Seconds *float64 `json:"seconds"` // of pauses, for most collectors
}

// FinalCounters reads the counters, which remain readable after the JVM ended. nil: they
// were not in a file.
func (h *Handle) FinalCounters() *FinalCounters {
	if h.perf == nil {
		return nil
	}
	text, err := h.perf.ReadBytes(nil)
	if err != nil {
		return nil
	}
	data, err := hsperf.Parse(text)
	if err != nil {
		return nil
	}
	return finalCounters(data.Summary())
}

func finalCounters(s hsperf.Summary) *FinalCounters {
	w := &FinalCounters{
		HeapUsedBytes: s.HeapUsedBytes(), HeapCommittedBytes: s.HeapCapacityBytes(),
		MetaspaceUsedBytes: s.Metaspace.UsedBytes, MetaspaceCommittedBytes: s.Metaspace.CapacityBytes,
		ThreadsLive: s.ThreadsLive, ThreadsPeak: s.ThreadsPeak, ThreadsStarted: s.ThreadsStarted,
		Classes: s.Classes(),
	}
	for _, c := range s.Collectors {
		w.Collections = append(w.Collections, Collection{Name: c.Name, Count: c.Invocations, Seconds: seconds(c.Time)})
	}
	return w
}

func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	return new(d.Seconds())
}
