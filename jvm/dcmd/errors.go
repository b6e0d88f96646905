package dcmd

import (
	"strconv"
	"strings"
)

// ErrorCount is how many OutOfMemoryErrors the JVM threw for lack of space of a kind.
type ErrorCount struct {
	Space string // as HotSpot names it: "java_heap", "metaspace", "class_metaspace"
	Count int64
}

// maxSpaces is more than HotSpot has (Exceptions::print_exception_counts_on_error in
// share/utilities/exceptions.cpp).
const maxSpaces = 8

// ParseOutOfMemoryErrors returns the counts in a reply to VM.info, of errors since the JVM
// started; none if there was none. Output of the application, at the end of the reply, is
// not read.
func ParseOutOfMemoryErrors(text string) []ErrorCount {
	var all []ErrorCount
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Heap address: ") || strings.HasPrefix(line, "Dynamic libraries:") {
			break
		}
		count, found := strings.CutPrefix(strings.TrimRight(line, " \r\n"), "OutOfMemoryError ")
		space, number, _ := strings.Cut(count, "_errors=")
		n, err := strconv.ParseInt(number, 10, 64)
		if found && err == nil && n >= 0 && len(all) < maxSpaces {
			all = append(all, ErrorCount{space, n})
		}
	}
	return all
}
