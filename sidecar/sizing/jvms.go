package sizing

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

// jvm is one of the JVMs of a container.
type jvm struct {
	*breakdown.JVM
	several     bool            // it is not the only one
	life        *diagnosis.Life // that of the JVM; of several only what concerns their heaps
	heap        *heap           // nil: no collection was seen
	collections int             // of the old generation
}

// jvmsOf returns the JVMs that run now.
func jvmsOf(c *history.Container, life *diagnosis.Life) []jvm {
	all := make([]jvm, 0, len(c.JVMs))
	for i := range c.JVMs {
		j := jvm{JVM: &c.JVMs[i], several: len(c.JVMs) > 1, life: life}
		if j.several {
			j.life = diagnosis.LifeOf(c.JVM(j.JVM))
		}
		j.heap, j.collections = heapOf(j.life, j.GC)
		all = append(all, j)
	}
	return all
}

// label names one of several JVMs; "": it is the only one.
func (j *jvm) label(before string) string {
	if !j.several {
		return ""
	}
	return fmt.Sprintf("%spid %d", before, j.PID)
}

// heapNeed is that of all heaps; nil: unknown.
func heapNeed(all []jvm) (sum *int64, why string) {
	var texts []string
	sum = new(int64(0))
	for i := range all {
		j := &all[i]
		text := "no garbage collection was observed"
		switch {
		case j.heap == nil:
			sum = nil
		case j.several:
			text = size(j.heap.need()) + ", " + j.heap.why()
		default:
			text = j.heap.why()
		}
		if sum != nil {
			*sum += j.heap.need()
		}
		texts = append(texts, strings.TrimPrefix(j.label("")+": "+text, ": "))
	}
	return sum, strings.Join(texts, "; ")
}
