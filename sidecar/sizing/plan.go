package sizing

import (
	"fmt"
	"math"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	mib = 1 << 20
	// sizeStep is what heaps are rounded to, guardStep the other maxima.
	sizeStep, guardStep = 4 * mib, 16 * mib
)

// Settings fit together. A maximum that is null is not known, and stays as it is.
type Settings struct {
	LimitBytes int64 `json:"limit_bytes"`
	// Fits: what was seen fits the limit. Note says why not.
	Fits bool `json:"fits"`
	// NeededBytes is the heap at its maximum and everything else at its peak, with RisingBytes that
	// are still to come; HeadroomBytes is what the limit leaves.
	NeededBytes   int64 `json:"needed_bytes"`
	RisingBytes   int64 `json:"rising_bytes"`
	HeadroomBytes int64 `json:"headroom_bytes"`
	// MaxHeapBytes is -Xmx. MaxRAMPercentage stands for the same size.
	MaxHeapBytes     int64   `json:"max_heap_bytes"`
	MaxRAMPercentage float64 `json:"max_ram_percentage"`
	// CollectingShare is the part of the time that pauses for collections are expected to take.
	CollectingShare *float64 `json:"collecting_share"`
	// The other maxima are guards: an OutOfMemoryError comes before an OOM kill.
	MaxMetaspaceBytes      *int64 `json:"max_metaspace_bytes"`
	ReservedCodeCacheBytes *int64 `json:"reserved_code_cache_bytes"`
	MaxDirectMemoryBytes   *int64 `json:"max_direct_memory_bytes"`
	// Options are the JVM's, as on its command line. Those of several JVMs are in JVMs.
	Options []string      `json:"options"`
	JVMs    []JVMSettings `json:"jvms,omitempty"`
	Note    string        `json:"note,omitempty"`
}

// JVMSettings are those of one of several JVMs in a container.
type JVMSettings struct {
	PID   int `json:"pid"`
	NSPID int `json:"ns_pid,omitempty"`
	// MaxHeapBytes is its part of that of all.
	MaxHeapBytes int64    `json:"max_heap_bytes"`
	Options      []string `json:"options"`
}

// plan is what settings are made of.
type plan struct {
	needs  diagnosis.Needs
	rising int64 // what is still to come of rows that rise
	// code is that of libraries: the kernel can reclaim it, but it runs.
	code int64
	jvms []jvmPlan
}

// jvmPlan is what the settings of one JVM are made of.
type jvmPlan struct {
	pid, nspid                   int
	heap                         heap
	collector                    string // the flag that selects it
	initialHeap                  int64
	metaspace, codeCache, direct *int64 // guards
}

// heapNeed is that of all JVMs.
func (p *plan) heapNeed() (sum int64) {
	for i := range p.jvms {
		sum += p.jvms[i].heap.need()
	}
	return sum
}

// needed is what is needed with a maximum heap.
func (p *plan) needed(maxHeap int64) int64 {
	_, sum := p.needs.At(maxHeap)
	return sum + p.rising + p.code
}

// recommend returns what was seen needs.
func (p *plan) recommend() *Settings {
	maxHeap := p.heapNeed()
	return p.settings(diagnosis.LimitFor(p.needed(maxHeap)), maxHeap)
}

// fit returns what fits a limit: a heap as large as can be.
func (p *plan) fit(limit int64) *Settings {
	if p == nil {
		return nil
	}
	room := diagnosis.Usable(limit)
	maxHeap := room
	for range 3 { // what else is needed grows with the heap
		maxHeap = max(0, room-(p.needed(maxHeap)-maxHeap))
	}
	return p.settings(limit, maxHeap/mib*mib)
}

// settings divides a heap between the JVMs as their needs are.
func (p *plan) settings(limit, maxHeap int64) *Settings {
	s := &Settings{LimitBytes: limit, NeededBytes: p.needed(maxHeap), RisingBytes: p.rising, MaxHeapBytes: maxHeap, Fits: true, Options: []string{}}
	s.HeadroomBytes = limit - s.NeededBytes
	s.MaxRAMPercentage = math.Floor(1000*float64(maxHeap)/float64(limit)) / 10
	need := p.heapNeed()
	for i := range p.jvms {
		j := &p.jvms[i]
		heap := int64(math.Round(float64(j.heap.need()) / float64(need) * float64(maxHeap)))
		if heap < min(j.heap.need(), max(int64(leastFactor*float64(j.heap.live)), minHeap/2)) {
			s.Fits = false
			s.Note = fmt.Sprintf("does not fit: %s would be left for the heap, of which %s survive collections", size(heap), size(j.heap.live))
		}
		if share, known := j.heap.expected(heap); known && (s.CollectingShare == nil || share > *s.CollectingShare) {
			s.CollectingShare = new(share)
		}
		s.JVMs = append(s.JVMs, JVMSettings{j.pid, j.nspid, heap / mib * mib, j.options(heap)})
	}
	switch {
	case !s.Fits:
		s.JVMs, s.CollectingShare = nil, nil
		return s
	case s.CollectingShare != nil && *s.CollectingShare > fewShare:
		s.Note = fmt.Sprintf("collections are expected to take %.0f %% of the time", 100**s.CollectingShare)
		if need > maxHeap {
			s.Note += fmt.Sprintf(": %s of heap would be better", size(need))
		}
	}
	if len(p.jvms) == 1 {
		j := &p.jvms[0]
		s.MaxMetaspaceBytes, s.ReservedCodeCacheBytes, s.MaxDirectMemoryBytes = j.metaspace, j.codeCache, j.direct
		s.Options, s.JVMs = s.JVMs[0].Options, nil
	}
	return s
}

// options are those of the JVM.
func (p *jvmPlan) options(maxHeap int64) []string {
	var all []string
	if p.collector != "" {
		all = append(all, "-XX:+"+p.collector)
	}
	all = append(all, fmt.Sprintf("-Xmx%dm", maxHeap/mib))
	if p.initialHeap > maxHeap {
		all = append(all, fmt.Sprintf("-Xms%dm", maxHeap/mib))
	}
	for _, guard := range []struct {
		flag  string
		bytes *int64
	}{{"MaxMetaspaceSize", p.metaspace}, {"ReservedCodeCacheSize", p.codeCache}, {"MaxDirectMemorySize", p.direct}} {
		if guard.bytes != nil {
			all = append(all, fmt.Sprintf("-XX:%s=%dm", guard.flag, *guard.bytes/mib))
		}
	}
	return all
}

// earlyRise is what part of everything else is to come in the first hour, at least: in recordings
// of ten minutes the second half brought up to a quarter of it.
const earlyRise = 0.1

// newPlan is for JVMs whose heaps are known.
func newPlan(life *diagnosis.Life, needs *diagnosis.Needs, all []jvm, rising map[rows.Name]int64) *plan {
	p := &plan{needs: *needs}
	for _, bytes := range rising {
		p.rising += bytes
	}
	if life.Time() < hour {
		p.rising = max(p.rising, int64(earlyRise*float64(needs.RestBytes)))
	}
	if code := life.Peak(history.Detail(rows.Libraries, rows.Shared)); code != nil {
		p.code = *code
	}
	for i := range all {
		j := jvmPlan{pid: all[i].PID, nspid: all[i].NSPID, heap: *all[i].heap, collector: collectorFlag(all[i].GC)}
		j.initialHeap, _ = all[i].life.Flag("InitialHeapSize")
		j.guard(all[i].life, rising)
		p.jvms = append(p.jvms, j)
	}
	return p
}

// directGuard is the maximum of direct buffers for each byte seen of them. Netty divides its buffers by
// that maximum: it makes no more arenas than a sixth of it holds chunks, so with less it would be
// another program than the one that was observed.
const directGuard = 6

// guard sets the maxima that are no plan: well above what was seen. Of several JVMs only the heaps
// are known.
func (p *jvmPlan) guard(life *diagnosis.Life, rising map[rows.Name]int64) {
	if peak := life.Peak(history.Committed(rows.Metaspace)); peak != nil {
		p.metaspace = new(roundUp(max((*peak+rising[rows.Metaspace])*3/2, 32*mib), guardStep))
	}
	if peak := life.Peak(history.Used(rows.CodeCache)); peak != nil {
		p.codeCache = new(roundUp(max(2*(*peak+rising[rows.CodeCache]), 48*mib), guardStep))
		if present, ok := life.Flag("ReservedCodeCacheSize"); ok && present <= *p.codeCache {
			p.codeCache = nil // it stays
		}
	}
	maximum, ok := life.Flag("MaxDirectMemorySize")
	byDefault := ok && maximum == 0
	if byDefault { // as large as the heap: it would fall with -Xmx
		maximum, ok = life.Flag("MaxHeapSize")
		maximum = roundUp(maximum, mib)
	}
	guard, known := maximum, byDefault && ok
	if peak := life.Peak(history.Detail(rows.Native, rows.DirectBuffers)); peak != nil {
		guard, known = roundUp(max(directGuard**peak, 64*mib), guardStep), true
		if ok {
			guard = min(guard, maximum)
		}
	}
	if known && (byDefault || !ok || guard < maximum) { // else it stays
		p.direct = new(guard)
	}
}

// collectorFlag selects a collector: the sizes hold for it, and HotSpot would select Serial in
// a small container.
func collectorFlag(gc string) string {
	switch gc {
	case "G1", "Serial", "Parallel", "Shenandoah":
		return "Use" + gc + "GC"
	case "ZGC":
		return "UseZGC"
	case "CMS":
		return "UseConcMarkSweepGC"
	}
	return ""
}

func roundUp(bytes, step int64) int64 { return (bytes + step - 1) / step * step }

func size(bytes int64) string { return breakdown.Size(&bytes) }
