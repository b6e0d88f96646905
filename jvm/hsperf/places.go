package hsperf

import (
	"encoding/binary"
	"fmt"
)

// Places are the offsets of the few numbers that are read often. An entry never moves,
// so the file is parsed once; later readings allocate nothing.
type Places struct {
	order   binary.ByteOrder
	entries uint32 // of the file that was parsed

	// Offsets of the numbers to add up; nil if the JVM lacks one of them.
	loaded, unloaded, oldUsed, oldCollections, collectionTicks, collectionCPU, ticksPerSecond []int64
}

// Locate parses the bytes of one hsperfdata file.
func Locate(b []byte) (Places, error) {
	at := make(map[string]int64)
	d := new(Data)
	if err := d.parse(b, at); err != nil {
		return Places{}, err
	}
	order, err := parsePrologue(b)
	if err != nil {
		return Places{}, err
	}
	p := Places{order: order, entries: order.Uint32(b[entriesAt:])}
	find := func(names ...string) (places []int64) {
		for _, name := range names {
			if _, ok := d.longs[name]; !ok {
				return nil
			}
			places = append(places, at[name])
		}
		return places
	}
	p.loaded, p.unloaded = find(loadedNames[:]...), find(unloadedNames[:]...)
	if g, ok := d.generation(1); ok {
		var names []string
		for i := range g.Spaces {
			names = append(names, fmt.Sprintf("sun.gc.generation.1.space.%d.used", i))
		}
		p.oldUsed = find(names...)
	}
	var names, times []string
	for _, c := range d.collectors() {
		if c.Number > 0 {
			names = append(names, fmt.Sprintf("sun.gc.collector.%d.invocations", c.Number))
		}
		times = append(times, fmt.Sprintf("sun.gc.collector.%d.time", c.Number))
	}
	p.oldCollections = find(names...)
	if d.counter(parallelCPU) != nil {
		p.collectionCPU = find(collectionCPU)
	}
	p.collectionTicks, p.ticksPerSecond = find(times...), find("sun.os.hrt.frequency")
	return p, nil
}

// entriesAt is the offset of the number of entries in the prologue.
const entriesAt = 28

// Hold reports whether the places are valid for this reading of the file: after the JVM
// added a counter, call Locate again.
func (p *Places) Hold(b []byte) bool {
	return p.order != nil && len(b) >= prologueBytes && p.order.Uint32(b[entriesAt:]) == p.entries
}

// Classes is Summary.Classes, and whether it is known.
func (p *Places) Classes(b []byte) (n int64, ok bool) {
	loaded, known := p.sum(b, p.loaded)
	unloaded, ok := p.sum(b, p.unloaded)
	return loaded - unloaded, ok && known
}

// OldUsedBytes is the used size of Summary.OldGeneration, and whether it is known.
func (p *Places) OldUsedBytes(b []byte) (n int64, ok bool) { return p.sum(b, p.oldUsed) }

// OldCollections is Summary.OldCollections, and whether it is known.
func (p *Places) OldCollections(b []byte) (n int64, ok bool) { return p.sum(b, p.oldCollections) }

// CollectionMillis is Summary.CollectionTime in milliseconds, and whether it is known.
func (p *Places) CollectionMillis(b []byte) (n int64, ok bool) {
	ticks, known := p.sum(b, p.collectionTicks)
	hz, ok := p.sum(b, p.ticksPerSecond)
	if !known || !ok || hz == 0 {
		return 0, false
	}
	return int64(float64(ticks) / float64(hz) * 1000), true
}

// CollectionCPUMillis is Summary.CollectionCPU in milliseconds, and whether it is known.
func (p *Places) CollectionCPUMillis(b []byte) (n int64, ok bool) {
	nanos, ok := p.sum(b, p.collectionCPU)
	return nanos / 1e6, ok
}

func (p *Places) sum(b []byte, places []int64) (n int64, ok bool) {
	for _, at := range places {
		if at > int64(len(b))-8 {
			return 0, false
		}
		v := int64(p.order.Uint64(b[at:]))
		if v < 0 || n+v < n {
			return 0, false
		}
		n += v
	}
	return n, len(places) > 0
}
