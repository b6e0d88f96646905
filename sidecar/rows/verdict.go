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

// The states are no leaks: nothing has to grow.
const (
	// VerdictNotObservable: jvmem may not read the JVM's memory.
	VerdictNotObservable Verdict = "not_observable"
	// VerdictLimitThrash: at the limit the kernel reclaims pages that are needed again at once.
	VerdictLimitThrash Verdict = "limit_thrash"
	// VerdictHeapFull: the old generation is full after collections, or collections take
	// most of the time.
	VerdictHeapFull Verdict = "heap_full"
	// VerdictUnresponsive: the JVM runs, but does not answer commands.
	VerdictUnresponsive Verdict = "jvm_unresponsive"
	// VerdictBudget: the JVM's settings do not fit the limit, even without a leak.
	VerdictBudget Verdict = "budget"
	// VerdictRetained: glibc retains a large part of the limit, without growth.
	VerdictRetained Verdict = "retained"
	// VerdictIdleThreads: hundreds of threads of a pool do nothing; subject: the pool.
	VerdictIdleThreads Verdict = "idle_threads"
	// VerdictPageCache: usage is near the limit because of page cache, which is harmless.
	VerdictPageCache Verdict = "page_cache"
)

// Nothing was found, or could be.
const (
	VerdictNone             Verdict = "none"
	VerdictNotEnoughHistory Verdict = "not_enough_history"
)

// Leak reports whether the verdict is one on sustained growth: the table has it.
func (v Verdict) Leak() bool { return v != "" && RowOf(v, "") != "" }

// Alert reports whether the verdict requires action.
func (v Verdict) Alert() bool { return v.Leak() || v == VerdictBudget || v.Urgent() }

// Urgent reports whether the verdict is a state that needs no history to be known, and
// hurts now.
func (v Verdict) Urgent() bool {
	switch v {
	case VerdictNotObservable, VerdictLimitThrash, VerdictHeapFull, VerdictUnresponsive:
		return true
	}
	return false
}

// States returns the verdicts that are no leaks, the one that counts most first. A leak
// comes before them.
func States() []Verdict {
	return []Verdict{
		VerdictNotObservable, VerdictLimitThrash, VerdictHeapFull, VerdictUnresponsive,
		VerdictBudget, VerdictRetained, VerdictIdleThreads, VerdictPageCache,
	}
}

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
