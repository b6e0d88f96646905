package diagnosis

import (
	"fmt"

	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// budget compares the limit with the maximum heap and everything else at its peak. Nil: the
// limit or the maximum is unknown.
func (j *judge) budget() *BudgetCheck {
	limit, limited := j.now(history.Limit)
	maxHeap, reported := j.maxHeap()
	if !limited || !reported || limit <= 0 {
		return nil
	}
	needs := j.needs()
	if needs == nil {
		return nil
	}
	b := &BudgetCheck{LimitBytes: int64(limit), DeclaredBytes: j.declared(maxHeap)}
	b.Parts, b.NeededBytes = needs.At(int64(maxHeap))
	b.Fits = b.NeededBytes <= b.LimitBytes
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

// overBudget is the finding that the settings do not fit the limit.
func (j *judge) overBudget(b *BudgetCheck) (Finding, bool) {
	if b == nil || b.Fits {
		return Finding{}, false
	}
	over := float64(b.NeededBytes - b.LimitBytes)
	f := Finding{Verdict: rows.VerdictBudget, Confidence: 1}
	maxHeap := float64(b.Parts[0].Bytes)
	rest := float64(b.NeededBytes) - maxHeap
	f.Evidence = []string{
		fmt.Sprintf("maximum heap %s (MaxHeapSize) + everything else at its peak %s = %s, the limit is %s",
			bytesText(maxHeap), bytesText(rest), bytesText(float64(b.NeededBytes)), bytesText(float64(b.LimitBytes))),
	}
	if heap, ok := j.now(history.Row(rows.Heap)); ok {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the heap is %s now: an OOM kill follows when it has grown by another %s", bytesText(heap), bytesText(max(0, maxHeap-heap-over))))
	}
	f.Next = []string{fmt.Sprintf("raise the memory limit to %s or more", bytesText(float64(LimitFor(b.NeededBytes))))}
	initial, _ := j.flag("InitialHeapSize")
	if fit := float64(Usable(b.LimitBytes)) - rest; fit >= max(16<<20, initial) {
		f.Next = append(f.Next, fmt.Sprintf("or set -Xmx%dm (leaves a tenth of the limit free); -Xms must not be larger", int64(fit)>>20))
	}
	return f, true
}
