package jvm

import (
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// infoBytes is how far malloc may move, as far as others tell, until VM.info is asked
// for again: it costs a JVM more than all else.
const infoBytes = 1 << 20

// info is what the last VM.info told that changes, and what others told of malloc
// at that time.
type info struct {
	version   string
	collector string
	malloc    *Malloc
	asks      int    // since then
	tracked   *int64 // by NMT
	resident  int64  // as the last Walk counted
	walked    int64  // the same, now
	// collections are those that there were: what they found unused may free malloc,
	// at once or soon after (Cleaner).
	collections *int64
	moved       bool
}

// due reports whether malloc's own account may have changed: by what NMT tracks, by
// what is resident, or by a collection; and once more after that. What native code
// frees by itself without becoming less, only the count of samples finds. Without NMT
// nobody tells what is freed and kept: it is always due.
func (i *info) due(report *nmt.Report, collections *int64) bool {
	i.asks++
	tracked := i.tracked != nil && report != nil && distance(trackedBytes(report), *i.tracked) > infoBytes
	collected := collections == nil || i.collections == nil || *collections != *i.collections
	moved := tracked || collected || distance(i.walked, i.resident) > infoBytes
	due := report == nil || moved || i.moved || i.asks >= recountEvery
	i.moved = moved
	return due
}

// tell adds what is known to the facts: of malloc's account, what NMT has seen since.
func (i *info) tell(f *Facts) {
	if f.Report != nil && i.tracked == nil {
		i.tracked = new(trackedBytes(f.Report))
	}
	if f.Version == "" {
		f.Version, f.Major, f.Collector = i.version, major(i.version), i.collector
	}
	if i.malloc != nil {
		f.Malloc = new(*i.malloc)
		if f.Report != nil && i.tracked != nil {
			f.Malloc.InUseBytes += trackedBytes(f.Report) - *i.tracked
		}
	}
}

// walk takes what is resident of malloc.
func (i *info) walk(resident map[ranges.Kind]Resident) {
	i.walked = resident[ranges.MallocArena].AnonBytes + resident[ranges.MallocChunk].AnonBytes
	if i.asks == 0 {
		i.resident = i.walked
	}
}

func (p *Process) askInfo(a *asker, f *Facts) {
	text, ok := a.do(attach.VMInfo)
	if !ok {
		return
	}
	told, err := dcmd.ParseVMInfo(text)
	if !a.parsed(err) {
		return
	}
	p.answers.info = told.Ranges
	if told.Ranges == nil { // it answered, if without a range: ZGC on JDK 11
		p.answers.info = []ranges.Range{}
	}
	p.info = info{version: told.Version, collector: told.GC, resident: p.info.walked, walked: p.info.walked, collections: p.collections, moved: p.info.moved}
	if told.CHeapOutstandingBytes != nil && told.CHeapRetainedBytes != nil {
		p.info.malloc = &Malloc{InUseBytes: *told.CHeapOutstandingBytes, FreeBytes: *told.CHeapRetainedBytes}
	}
	if f.Report != nil {
		p.info.tracked = new(trackedBytes(f.Report))
	}
}

// trackedBytes is what NMT knows of malloc.
func trackedBytes(r *nmt.Report) int64 {
	var sum int64
	for _, c := range r.Categories {
		sum += c.MallocBytes + c.ArenaBytes
	}
	return sum
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
