package dcmd

import "strings"

// Sections are the replies that one request with several commands brings, one
// after the other: GC.heap_info, Compiler.codecache, VM.metaspace basic,
// VM.native_memory. One that was not asked for is "".
type Sections struct {
	HeapInfo, CodeCache, Metaspace, NMT string
}

// Split cuts a reply where the next command's begins, in the order of Sections:
// HotSpot puts nothing between them. What begins in no known way is part of the
// section before.
func Split(text string) Sections {
	var s Sections
	text, s.NMT = cutAt(text, "Native Memory Tracking:", "Native memory tracking is not enabled")
	head, code := cutAt(text, "CodeHeap '", "CodeCache: ")
	// Only behind the code: GC.heap_info has a line on metaspace too.
	s.CodeCache, s.Metaspace = cutAt(code, "Usage:", "Metaspace ")
	s.HeapInfo = head
	return s
}

// cutAt cuts before the first line that begins with one of the heads.
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
