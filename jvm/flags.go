package jvm

import (
	"maps"
	"slices"
)

// toldFlags are the flags that say what memory a JVM may take. No others are
// ever told: a command line can hold secrets.
func toldFlags() []string {
	return []string{
		"MaxHeapSize", "MaxMetaspaceSize", "CompressedClassSpaceSize", "ReservedCodeCacheSize", "MaxDirectMemorySize",
		"ThreadStackSize", "NativeMemoryTracking", "UseTransparentHugePages", "AlwaysPreTouch", "MaxRAMPercentage",
		"ExitOnOutOfMemoryError",
	}
}

// collectorFlags names the collector that each flag chooses.
func collectorFlags() map[string]string {
	return map[string]string{
		"UseSerialGC": "Serial", "UseParallelGC": "Parallel", "UseConcMarkSweepGC": "CMS", "UseG1GC": "G1",
		"UseZGC": "ZGC", "UseShenandoahGC": "Shenandoah", "UseEpsilonGC": "Epsilon",
	}
}

const disableAttach = "DisableAttachMechanism"

// flagNames are all the flags that are looked at.
func flagNames() []string {
	return slices.Concat(toldFlags(), slices.Collect(maps.Keys(collectorFlags())), []string{disableAttach})
}

// unlimited is where HotSpot's flags for a maximum mean that there is none.
const unlimited = 1 << 62

// readFlags reads flags from HotSpot's memory, now and then: few ever change. A JVM
// that lacks one is not asked why: names come and go.
func (p *Process) readFlags(f *Facts) {
	if p.renew() {
		p.flags = make(map[string]any)
		for _, name := range flagNames() {
			flag, err := p.structs.Flag(name)
			if err != nil || flag.Value == nil {
				continue
			}
			if n, ok := flag.Value.(uint64); ok && n >= unlimited {
				flag.Value = "unlimited"
			}
			p.flags[name] = flag.Value
		}
	}
	f.Flags = make(map[string]any)
	for _, name := range toldFlags() {
		if value, ok := p.flags[name]; ok {
			f.Flags[name] = value
		}
	}
	if level, ok := f.Flags["NativeMemoryTracking"].(string); ok {
		f.NMT = level
	}
	for name, collector := range collectorFlags() {
		if p.flags[name] == true && f.Collector == "" {
			f.Collector = collector
		}
	}
	if disabled, ok := p.flags[disableAttach].(bool); ok {
		p.disabled = disabled
	}
}
