package dcmd

import (
	"reflect"
	"testing"
)

// TestParseOutOfMemoryErrors reads what JDK 17 printed for a JVM that goes on after three,
// and what it prints if there was none.
func TestParseOutOfMemoryErrors(t *testing.T) {
	const head = "---------------  P R O C E S S  ---------------\n\nThreads class SMR info:\n\nVM Mutex/Monitor currently owned by a thread: None\n\n"
	const tail = "Heap address: 0x00000000fe000000, size: 32 MB, Compressed Oops mode: 32-bit\n\nOutOfMemoryError java_heap_errors=9\n"
	const some = "OutOfMemory and StackOverflow Exception counts:\nOutOfMemoryError java_heap_errors=3\nOutOfMemoryError metaspace_errors=1\nStackOverflowErrors=2\n\n"
	if got := ParseOutOfMemoryErrors(head + some + tail); !reflect.DeepEqual(got, []ErrorCount{{"java_heap", 3}, {"metaspace", 1}}) {
		t.Errorf("%v", got)
	}
	for _, none := range []string{head + tail, "", "OutOfMemoryError java_heap_errors=-1\n", "OutOfMemoryError java_heap\n"} {
		if got := ParseOutOfMemoryErrors(none); got != nil {
			t.Errorf("%q: %v", none, got)
		}
	}
}

func FuzzParseOutOfMemoryErrors(f *testing.F) {
	f.Add("OutOfMemoryError java_heap_errors=3\n")
	f.Fuzz(func(t *testing.T, text string) {
		all := ParseOutOfMemoryErrors(text)
		for _, e := range all {
			if e.Count < 0 || len(e.Space) > len(text) {
				t.Errorf("%+v", e)
			}
		}
		if len(all) > maxSpaces {
			t.Errorf("%d counts", len(all))
		}
	})
}
