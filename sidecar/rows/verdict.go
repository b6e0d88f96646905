package rows

// Verdict names the main finding about a container's memory.
type Verdict string

// The verdicts on sustained growth. The table assigns them to rows.
const (
	VerdictThreads            Verdict = "threads" // subject: the pool
	VerdictClassLoader        Verdict = "class_loader"
	VerdictHeap               Verdict = "heap" // what survives collections grows
	VerdictDirectBuffers      Verdict = "direct_buffers"
	VerdictNativeUntracked    Verdict = "native_untracked"    // malloc and mmap of native code
	VerdictAllocatorRetention Verdict = "allocator_retention" // freed, but retained by glibc
	VerdictCodeCache          Verdict = "code_cache"
	VerdictGC                 Verdict = "gc"
	VerdictJVMInternal        Verdict = "jvm_internal" // subject: the NMT category
	VerdictMappedFiles        Verdict = "mapped_files"
	VerdictShmem              Verdict = "shmem"
	VerdictKernel             Verdict = "kernel"        // subject: the kind of kernel memory
	VerdictOtherProcess       Verdict = "other_process" // subject: its command
	// VerdictUnexplained: unreclaimable memory grows, but no known row does.
	VerdictUnexplained Verdict = "unexplained"
)

// The other verdicts.
const (
	// VerdictHeapFull: the old generation is full after collections.
	VerdictHeapFull Verdict = "heap_full"
	// VerdictRetained: glibc retains a large part of the limit, without growth.
	VerdictRetained Verdict = "retained"
	// VerdictBudget: the JVM's settings do not fit the limit, even without a leak.
	VerdictBudget Verdict = "budget"
	// VerdictPageCache: usage is near the limit because of page cache, which is harmless.
	VerdictPageCache        Verdict = "page_cache"
	VerdictNone             Verdict = "none"
	VerdictNotEnoughHistory Verdict = "not_enough_history"
)

// Leak reports whether the verdict is one on sustained growth: the table has it.
func (v Verdict) Leak() bool { return v != "" && RowOf(v, "") != "" }

// Alert reports whether the verdict requires action.
func (v Verdict) Alert() bool { return v.Leak() || v == VerdictBudget || v == VerdictHeapFull }

// Leaks returns the verdicts on sustained growth, in the order of the table.
func Leaks() []Verdict {
	var all []Verdict
	seen := make(map[Verdict]bool)
	for a := range causes() {
		if !seen[a.Verdict] {
			seen[a.Verdict] = true
			all = append(all, a.Verdict)
		}
	}
	return all
}
