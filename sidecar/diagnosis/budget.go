package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
)

// budgetRows are the rows beside the heap that the kernel cannot take back.
// Mapped files and page cache it can.
var budgetRows = []breakdown.RowName{
	breakdown.Metaspace, breakdown.ThreadStacks, breakdown.CodeCache, breakdown.GC, breakdown.Native,
	breakdown.OtherProcesses, breakdown.Shmem, breakdown.Kernel,
}

// budget compares the heap's maximum, with all else as it is now, with the limit.
// Nil: the limit or the maximum is not known.
func (j *judge) budget() *BudgetCheck {
	limit, limited := j.now(history.Limit)
	maxHeap, told := j.maxHeap()
	firm, known := j.now(history.Firm)
	heap, knownHeap := j.now(history.Row(breakdown.Heap))
	if !limited || !told || !known || !knownHeap || limit <= 0 {
		return nil
	}
	b := &BudgetCheck{LimitBytes: int64(limit)}
	part := func(name string, bytes float64) {
		if bytes > 0 {
			b.Parts = append(b.Parts, BudgetPart{name, int64(bytes)})
			b.NeededBytes += int64(bytes)
		}
	}
	part("heap", maxHeap)
	rest := firm - heap
	for _, row := range budgetRows {
		now, ok := j.now(history.Row(row))
		if !ok {
			continue
		}
		rest -= now
		if committed, ok := j.now(history.Committed(breakdown.Heap)); ok && row == breakdown.GC && committed > 0 {
			// The collector's tables grow as the heap does.
			now *= max(1, min(maxHeap/committed, maxHeap/max(heap, 1)))
		}
		part(string(row), now)
	}
	part("other", rest)
	b.Fits = b.NeededBytes <= b.LimitBytes
	b.DeclaredBytes = j.declared(maxHeap)
	return b
}

// declared is the sum of the maxima that are set; nil if one is unlimited.
func (j *judge) declared(maxHeap float64) *int64 {
	metaspace, ok := j.flag("MaxMetaspaceSize")
	if !ok {
		return nil
	}
	code, _ := j.flag("ReservedCodeCacheSize")
	direct, ok := j.flag("MaxDirectMemorySize")
	if !ok || direct == 0 {
		direct = maxHeap // its default
	}
	sum := maxHeap + metaspace + code + direct
	threads, _ := j.now(history.Threads)
	if stack, ok := j.flag("ThreadStackSize"); ok && len(j.c.JVMs) > 0 {
		sum += threads * stack / float64(len(j.c.JVMs)) * 1024
	}
	return new(int64(sum))
}

// overBudget is the finding that the settings do not fit.
func (j *judge) overBudget(b *BudgetCheck) (Finding, bool) {
	if b == nil || b.Fits {
		return Finding{}, false
	}
	over := float64(b.NeededBytes - b.LimitBytes)
	f := Finding{Verdict: Budget, Confidence: 1}
	maxHeap := float64(b.Parts[0].Bytes)
	rest := float64(b.NeededBytes) - maxHeap
	f.Evidence = []string{
		fmt.Sprintf("the heap may grow to %s (MaxHeapSize), and all else takes %s now: together %s, the limit is %s",
			bytesText(maxHeap), bytesText(rest), bytesText(float64(b.NeededBytes)), bytesText(float64(b.LimitBytes))),
	}
	if heap, ok := j.now(history.Row(breakdown.Heap)); ok {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the heap has %s now: the kernel kills when it has grown by %s more", bytesText(heap), bytesText(max(0, maxHeap-heap-over))))
	}
	f.Next = []string{fmt.Sprintf("raise the memory limit to %s or more", bytesText(1.1*float64(b.NeededBytes)))}
	if fit := 0.9*float64(b.LimitBytes) - rest; fit >= 16<<20 {
		f.Next = append(f.Next, fmt.Sprintf("or set -Xmx%dm (a tenth of the limit is left free)", int64(fit)>>20))
	}
	return f, true
}
