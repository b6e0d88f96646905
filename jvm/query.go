package jvm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// Answers holds what one Query read of a JVM. Resident and Reuse add its pages.
type Answers struct {
	// Facts are complete but for pages and threads.
	Facts Facts

	status      proc.Status // at that time
	renew       bool        // read again what changes rarely
	sameThreads bool        // no Java thread started since the last count
	started     *int64      // threads, since the JVM started
	collections *int64      // since the JVM started
	loaded      *int64      // classes, since the JVM started
	unloaded    *int64
	ranges      ranges.Reported
}

// queried holds what a Process keeps from one Query for the next.
type queried struct {
	times     int // how often
	flags     map[string]any
	disabled  bool // -XX:+DisableAttachMechanism
	session   *Session
	ranges    ranges.Reported
	info      vmInfo
	responded *bool // as Facts.Responded
	oneByOne  bool  // the JVM lacks one of the commands that are sent together
}

// Query queries the JVM by every available way: hsperfdata, HotSpot's own tables, and
// diagnostic commands. A source that fails is recorded in the facts. Only a process
// that ended is an error: ErrGone.
func (p *Process) Query(ctx context.Context) (*Answers, error) {
	if !p.fresh {
		if err := p.refresh(); err != nil {
			return nil, err
		}
	}
	p.fresh = false
	p.queried.times++
	a := &Answers{status: p.status, Facts: Facts{
		PID: p.status.PID, NSPID: p.status.NSPID, StartTicks: p.status.StartTicks,
		UptimeSeconds: proc.Uptime(p.status.StartTicks), CPUSeconds: p.cpuSeconds(), PageTablesBytes: p.status.PageTablesBytes,
		Threads: Threads{Live: p.status.Threads}, State: string(rune(p.status.State)),
	}}
	a.renew = p.policy.Renew(p.queried.times, a.Facts.UptimeSeconds)
	p.openStructs()
	p.readCounters(a)
	p.readStructs(a)
	p.readCommands(ctx, a)
	a.ranges = p.queried.ranges
	a.ranges.Major, a.ranges.StackBytes = a.Facts.Major, p.stackBytes
	a.Facts.clean()
	return a, nil
}

// readCounters reads the counters that the JVM keeps in a shared file or in its own
// memory: no handshake and no pause. Those of heap and metaspace are of the last
// collection, and do not show the current use.
func (p *Process) readCounters(a *Answers) {
	f := &a.Facts
	data, err := p.openCounters()
	if err != nil {
		fix := p.permissionFix(err)
		switch {
		case errors.Is(err, vmstructs.ErrNoCounters):
			fix = "start the JVM without -XX:-UsePerfData, so that leaks of heap and classes can be judged"
		case errors.Is(err, hsperf.ErrNoFile):
			fix = "start the JVM without -XX:-UsePerfData and -XX:+PerfDisableSharedMem, with a writable /tmp and an entry for its UID in /etc/passwd; or allow jvmem to read its memory: see the source vm_structs"
		case errors.Is(err, hsperf.ErrDeleted):
			fix = "exclude /tmp/hsperfdata_* from the cleaner of /tmp, and restart the JVM"
		}
		f.failed(SourceHsperf, err, fix)
		return
	}
	f.worked(SourceHsperf)
	disabled, _ := data.Flag(disableAttach)
	p.queried.disabled = disabled == "true"
	if level, ok := data.Flag("NativeMemoryTracking"); ok {
		f.NMT = level
	}
	s := data.Summary()
	counted := p.counted.indicators
	a.sameThreads = counted != nil && counted.ThreadsStarted != nil && s.ThreadsStarted != nil && *counted.ThreadsStarted == *s.ThreadsStarted
	a.started, a.collections = s.ThreadsStarted, s.Collections()
	f.Version, f.Major, f.Collector = s.JavaVersion, major(s.JavaVersion), s.GC
	f.Classes = s.Classes()
	a.loaded, a.unloaded = s.ClassesLoaded, s.ClassesUnloaded
	if spent := s.CollectionTime(); spent != nil {
		f.CollectionSeconds = new(spent.Seconds())
	}
	if spent := s.CollectionCPU; spent != nil {
		f.CollectionCPUSeconds = new(spent.Seconds())
	}
	if old := s.OldGeneration(); old != nil && old.UsedBytes != nil {
		f.Old = &Old{UsedBytes: *old.UsedBytes, MaxBytes: old.MaxBytes, Collections: s.OldCollections(), WholeHeap: s.WholeHeap()}
	}
}

// openCounters opens the file once: its descriptor remains valid after the file was
// deleted. If it cannot be opened, the counters are read from the JVM's memory.
func (p *Process) openCounters() (*hsperf.Data, error) {
	if p.counters != nil {
		return p.counters.Read()
	}
	file, err := hsperf.Open(p.proc, p.status.PID)
	switch {
	case err == nil:
		p.counters = file
	case p.structs == nil:
		return nil, err
	default:
		memory, inMemory := p.structs.Counters()
		if inMemory != nil {
			return nil, errors.Join(err, inMemory)
		}
		p.counters = hsperf.New(memory)
	}
	return p.counters.Read()
}

// major returns 8 for "1.8.0_412" and 17 for "17.0.15"; 0: unknown.
func major(version string) int {
	version = strings.TrimPrefix(version, "1.")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}

// openStructs opens HotSpot's own tables in its memory.
func (p *Process) openStructs() {
	switch {
	case p.structs != nil:
	case p.lib == nil:
		p.structsErr = fmt.Errorf("no permission to read the JVM's mappings: %w", os.ErrPermission)
	default:
		p.structs, p.structsErr = vmstructs.Open(vmstructs.Options{
			Proc: p.proc, PID: p.status.PID, Base: p.lib.Base,
			Flags: flagNames(), Metadata: true, Counters: true, Names: true,
		})
	}
}

// readStructs reads the JVM's flags and, if nothing else has it, its version.
func (p *Process) readStructs(a *Answers) {
	if p.structs == nil {
		return
	}
	p.readFlags(a)
	if a.Facts.Version == "" {
		if v, err := p.structs.Version(); err == nil {
			a.Facts.Version, a.Facts.Major = v.Release, v.Feature
			if v.Feature == 8 { // where HotSpot's release is 25.504
				a.Facts.Version = "1.8.0 (HotSpot " + v.Release + ")"
			}
		}
	}
}

// reportedFlags are the flags about how much memory a JVM may use. No others are ever
// reported: a command line can contain secrets.
func reportedFlags() []string {
	return []string{
		"MaxHeapSize", "MaxMetaspaceSize", "CompressedClassSpaceSize", "ReservedCodeCacheSize", "MaxDirectMemorySize",
		"ThreadStackSize", "NativeMemoryTracking", "UseTransparentHugePages", "AlwaysPreTouch", "MaxRAMPercentage",
		"ExitOnOutOfMemoryError", "InitialHeapSize", "TrimNativeHeapInterval",
	}
}

// collectorFlags has the collector that each flag selects.
func collectorFlags() map[string]string {
	return map[string]string{
		"UseSerialGC": "Serial", "UseParallelGC": "Parallel", "UseConcMarkSweepGC": "CMS", "UseG1GC": "G1",
		"UseZGC": "ZGC", "UseShenandoahGC": "Shenandoah", "UseEpsilonGC": "Epsilon",
	}
}

const disableAttach = "DisableAttachMechanism"

// flagNames are all flags that are read.
func flagNames() []string {
	return slices.Concat(reportedFlags(), slices.Collect(maps.Keys(collectorFlags())), []string{disableAttach})
}

// unlimited: from this value on, HotSpot's flags for a maximum mean that there is none.
const unlimited = 1 << 62

// readFlags reads flags from HotSpot's memory, not in each query, as few ever change. A
// flag that this JDK lacks is not an error.
func (p *Process) readFlags(a *Answers) {
	if a.renew {
		flags := make(map[string]any)
		for _, name := range flagNames() {
			flag, err := p.structs.Flag(name)
			if err != nil || flag.Value == nil {
				continue
			}
			if n, ok := flag.Value.(uint64); ok && n >= unlimited {
				flag.Value = "unlimited"
			}
			flags[name] = flag.Value
		}
		p.queried.flags = flags
	}
	f, flags := &a.Facts, p.queried.flags
	f.Flags = make(map[string]any)
	for _, name := range reportedFlags() {
		if value, ok := flags[name]; ok {
			f.Flags[name] = value
		}
	}
	if level, ok := f.Flags["NativeMemoryTracking"].(string); ok {
		f.NMT = level
	}
	for name, collector := range collectorFlags() {
		if flags[name] == true && f.Collector == "" {
			f.Collector = collector
		}
	}
	if disabled, ok := flags[disableAttach].(bool); ok {
		p.queried.disabled = disabled
	}
}
