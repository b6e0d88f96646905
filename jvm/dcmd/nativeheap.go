package dcmd

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// NativeHeap is one reply to System.native_heap_info: glibc's own account of
// malloc.
type NativeHeap struct {
	// Arenas is their number, the main one among them.
	Arenas int
	// SystemBytes is the arenas' memory, FreeBytes the part of it that is not
	// allocated, mostly resident. What threads keep for their next malloc (tcache)
	// counts as allocated.
	SystemBytes, FreeBytes int64
	// Mmapped are large chunks with a mapping of their own, in no arena; nil if the
	// end of the reply is missing. The other numbers are of the arenas before.
	Mmapped *MmappedChunks
}

// MmappedChunks is the malloc chunks that are mappings of their own.
type MmappedChunks struct{ Count, Bytes int64 }

// ParseNativeHeap parses one reply to System.native_heap_info, the XML of
// malloc_info(3). A truncated arena is left out.
func ParseNativeHeap(text string) (NativeHeap, error) {
	var n NativeHeap
	var system, free int64 // of an arena
	inside := false
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if err != nil { // the end, or text that is not XML
			break
		}
		switch e := token.(type) {
		case xml.StartElement:
			kind, size, count := attributes(e)
			switch e.Name.Local + " " + kind {
			case "heap ":
				system, free, inside = 0, 0, true
			case "system current":
				system = size
			case "total fast", "total rest": // "fast" before glibc 2.43
				free = saturatingAdd(free, size)
			case "total mmap":
				n.Mmapped = &MmappedChunks{Count: count, Bytes: size}
			}
		case xml.EndElement:
			if e.Name.Local == "heap" && inside {
				n.Arenas++
				n.SystemBytes = saturatingAdd(n.SystemBytes, system)
				n.FreeBytes = saturatingAdd(n.FreeBytes, min(free, system))
				inside = false
			}
		}
	}
	if n.Arenas == 0 {
		return NativeHeap{}, fmt.Errorf("parse System.native_heap_info: no arena: %.80q", text)
	}
	return n, nil
}

// attributes reads those of <total type="rest" count="1" size="122896"/>; 0 for a
// number that is missing.
func attributes(e xml.StartElement) (kind string, size, count int64) {
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "type":
			kind = a.Value
		case "size":
			size, _, _ = number(a.Value)
		case "count":
			count, _, _ = number(a.Value)
		}
	}
	return kind, size, count
}
