package dcmd

import "strings"

// Sections are the replies that one request with several commands brings, one
// after the other: GC.heap_info, Compiler.codecache, VM.metaspace basic,
// VM.native_memory. One that was not requested is "".
type Sections struct {
	HeapInfo, CodeCache, Metaspace, NMT string
}

// Split splits a reply into the Sections, in their order: HotSpot prints nothing
// between them. An unknown line belongs to the section before it.
func Split(text string) Sections {
	var s Sections
	text, s.NMT = cutAt(text, "Native Memory Tracking:", "Native memory tracking is not enabled")
	head, code := cutAt(text, "CodeHeap '", "CodeCache: ")
	// Only after the code cache: GC.heap_info has a line about metaspace too.
	s.CodeCache, s.Metaspace = cutAt(code, "Usage:", "Metaspace ")
	s.HeapInfo = head
	return s
}

// cutAt splits before the first line that begins with one of the heads.
func cutAt(text string, heads ...string) (before, after string) {
	at := len(text)
	for _, head := range heads {
		switch i := strings.Index(text, "\n"+head); {
		case strings.HasPrefix(text, head):
			at = 0
		case i >= 0:
			at = min(at, i+1)
		}
	}
	return text[:at], text[at:]
}
