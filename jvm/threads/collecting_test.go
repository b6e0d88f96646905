package threads

import (
	"slices"
	"strings"
	"testing"
)

// TestCollectorThreads: which threads collect, of those that the kernel listed of JVMs.
func TestCollectorThreads(t *testing.T) {
	const java = "Reference Handl|Finalizer|Signal Dispatch|C2 CompilerThre|C1 CompilerThre|VM Periodic Tas|http-nio-8080-e|pool-1-thread-1|ForkJoinPool.co"
	for _, c := range []struct{ jvm, collect, others string }{
		{"8, Serial", "VM Thread", "java|java|" + java},
		{"8, Parallel", "GC task thread#|GC task thread#|VM Thread", "java|java|Service Thread|" + java},
		{"8, CMS", "Gang worker#0 (|Gang worker#1 (|Concurrent Mark|VM Thread", "Surrogate Locke|" + java},
		{"8, G1", "Gang worker#0 (|Gang worker#1 (|G1 Concurrent R|G1 Main Concurr|VM Thread", "Surrogate Locke|" + java},
		{"17, G1", "GC Thread#0|G1 Main Marker|G1 Conc#0|G1 Refine#0|G1 Service|VM Thread|GC Thread#1", "Monitor Deflati|Sweeper thread|Common-Cleaner|" + java},
	} {
		var got []string
		for name := range strings.SplitSeq(c.others+"|"+c.collect, "|") {
			if collects(Thread{Name: name}) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, strings.Split(c.collect, "|")) {
			t.Errorf("%s: %q", c.jvm, got)
		}
	}
}
