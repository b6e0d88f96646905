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
