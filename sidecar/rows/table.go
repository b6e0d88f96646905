package rows

// Name names a row.
type Name string

// The rows of a breakdown.
const (
	Heap           Name = "heap"
	Metaspace      Name = "metaspace"
	Threads        Name = "threads"
	CodeCache      Name = "code_cache"
	GC             Name = "gc"
	Native         Name = "native"
	Libraries      Name = "libraries"
	OtherProcesses Name = "other_processes"
	MappedFiles    Name = "mapped_files"
	Shmem          Name = "shmem"
	PageCache      Name = "page_cache"
	Kernel         Name = "kernel"
	// Unattributed is usage without all other rows. A breakdown has it in a field of
	// its own.
	Unattributed Name = "unattributed"
)

// Details with fixed names. The details of OtherProcesses are named by command.
const (
	NonClass   = "non_class"
	ClassSpace = "class_space"
	CDSArchive = "cds_archive"

	JVMInternal       = "jvm_internal"
	DirectBuffers     = "direct_buffers"
	Untracked         = "untracked"
	AllocatorRetained = "allocator_retained"
	Malloc            = "malloc" // not divided further, without Native Memory Tracking
	Mmap              = "mmap"   // likewise

	Private = "private"
	Shared  = "shared"

	KernelStacks = "stacks"
	PageTables   = "page_tables"
	Slab         = "slab"
	Percpu       = "percpu"
	Sockets      = "sockets"
	Vmalloc      = "vmalloc"
	KernelOther  = "other"
)

// table has the rows in the order of a breakdown.
var table = []Row{
	{
		Name: Heap, Title: "heap", About: "Java objects: the resident pages of the Java heap",
		Sized: true, Cause: Cause{Verdict: VerdictHeap},
		Style: Style{Color: "#0072b2", Label: "#ffffff"},
	},
	{
		Name: Metaspace, Title: "metaspace", About: "classes: metaspace, compressed class space, CDS archive",
		Details: []Detail{{Name: NonClass}, {Name: ClassSpace}, {Name: CDSArchive}},
		Sized:   true, Cause: Cause{Verdict: VerdictClassLoader},
		Style: Style{Color: "#56b4e9", Label: "#10202b"},
	},
	{
		Name: Threads, Title: "threads", About: "thread stacks",
		Sized: true, Cause: Cause{Verdict: VerdictThreads},
		Style: Style{Color: "#e69f00", Label: "#2b1e00"},
	},
	{
		Name: CodeCache, Title: "code cache", About: "code compiled by the JIT",
		Sized: true, Cause: Cause{Verdict: VerdictCodeCache},
		Style: Style{Color: "#009e73", Label: "#ffffff"},
	},
	{
		Name: GC, Title: "gc", About: "data structures of the garbage collector",
		Sized: true, Cause: Cause{Verdict: VerdictGC},
		Style: Style{Color: "#f0e442", Label: "#2b2900"},
	},
	{
		Name: Native, Title: "native", About: "malloc and mmap: direct buffers, HotSpot's own memory, JNI, and freed memory that glibc retains",
		Details: []Detail{
			{Name: JVMInternal, Cause: Cause{Verdict: VerdictJVMInternal}},
			{Name: DirectBuffers, Cause: Cause{Verdict: VerdictDirectBuffers}},
			{Name: Untracked, Cause: Cause{Verdict: VerdictNativeUntracked}},
			{Name: AllocatorRetained, Cause: Cause{Verdict: VerdictAllocatorRetention}},
			{Name: Malloc, Cause: Cause{VerdictNativeUntracked, Malloc}},
			{Name: Mmap, Cause: Cause{VerdictNativeUntracked, Mmap}},
		},
		Sized: true, Cause: Cause{Verdict: VerdictNativeUntracked},
		Style: Style{Color: "#d55e00", Label: "#ffffff"},
	},
	{
		Name: Libraries, Title: "libraries", About: "pages of shared libraries",
		Details: []Detail{
			{Name: Private, Cause: Cause{VerdictMappedFiles, string(Libraries)}},
			{Name: Shared},
		},
		Cause: Cause{VerdictMappedFiles, string(Libraries)},
		Style: Style{Color: "#cc79a7", Label: "#2b1421"},
	},
	{
		Name: OtherProcesses, Title: "other processes", About: "private memory of processes that are not JVMs",
		Sized: true, Cause: Cause{Verdict: VerdictOtherProcess},
		Style: Style{Color: "#9bd0f0", Pattern: Rising, Ink: "#0072b2", Label: "#10202b", Dark: &Shades{"#1a4259", "#56b4e9", "#e6f4fd"}},
	},
	{
		Name: MappedFiles, Title: "mapped files", About: "memory-mapped files",
		Details: []Detail{
			{Name: Private, Cause: Cause{Verdict: VerdictMappedFiles}},
			{Name: Shared},
		},
		Reclaimable: true, Cause: Cause{Verdict: VerdictMappedFiles},
		Style: Style{Color: "#8fd6bf", Pattern: Dotted, Ink: "#00735a", Label: "#0b2a22", Dark: &Shades{"#12483b", "#4cc9a4", "#def7ef"}},
	},
	{
		Name: Shmem, Title: "shmem", About: "files in memory: tmpfs, /dev/shm",
		Sized: true, Cause: Cause{Verdict: VerdictShmem},
		Style: Style{Color: "#ebc6da", Pattern: Falling, Ink: "#a0487a", Label: "#2b1421", Dark: &Shades{"#532c44", "#d98fb8", "#fbe9f3"}},
	},
	{
		Name: PageCache, Title: "page cache", About: "files that were read or written; the kernel reclaims it when it needs memory",
		Reclaimable: true,
		Style:       Style{Color: "#e3e7eb", Pattern: Dotted, Ink: "#9aa4ae", Label: "#1c2127", Dark: &Shades{"#353d47", "#717c89", "#e6e9ed"}},
	},
	{
		Name: Kernel, Title: "kernel", About: "kernel memory charged to the container: stacks, page tables, sockets, slab",
		Details: []Detail{
			{Name: KernelStacks, Cause: Cause{Subject: KernelStacks}},
			{Name: PageTables, Cause: Cause{Subject: PageTables}},
			{Name: Slab, Cause: Cause{Subject: Slab}},
			{Name: Percpu, Cause: Cause{Subject: Percpu}},
			{Name: Sockets, Cause: Cause{Subject: Sockets}},
			{Name: Vmalloc, Cause: Cause{Subject: Vmalloc}},
			{Name: KernelOther, Cause: Cause{Subject: KernelOther}},
		},
		Sized: true, Cause: Cause{Verdict: VerdictKernel},
		Style: Style{Color: "#7a828c", Label: "#ffffff"},
	},
	{
		Name: Unattributed, Title: "unattributed", About: "usage that no row contains: memory that the kernel charges in advance, and unknown rows",
		Cause: Cause{Verdict: VerdictUnexplained},
		Style: Style{Color: "#ffffff00", Pattern: Rising, Ink: "#7a828c", Dark: &Shades{Color: "#00000000", Ink: "#8b949e"}},
	},
}
