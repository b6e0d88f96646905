package vmstructs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// Options say which JVM to read.
type Options struct {
	Proc string // mount point of procfs; "" is /proc
	PID  int    // in the PID namespace of Proc
	// Base is where the mapping of libjvm.so with file offset 0 starts, from
	// /proc/<pid>/maps. The file itself is not opened.
	Base uint64
	// Flags are the names for Reader.Flag, such as
	// "MaxHeapSize". Names that this JVM doesn't have are no error.
	Flags []string
	// Metadata prepares for Reader.Metadata, Counters for Reader.Counters, Names for
	// Reader.Name, Classes for Reader.Classes.
	Metadata, Counters, Names, Classes bool
}

// Reader reads one JVM. Not safe for concurrent use.
type Reader struct {
	memory memory
	closer io.Closer
	table  table
	start  uint64 // of libjvm.so as mapped
	end    uint64
	flags  map[string]flagEntry
	// dataStart and dataEnd bound the variables of libjvm.so that are in its file.
	dataStart, dataEnd uint64

	// What the last Read found, and where.
	pointers []uint64
	threads  []Thread

	names names
}

// Thread is one Java thread, compiler threads included; not the threads of
// collectors nor those of native code that never called Java.
type Thread struct {
	// OSThreadID is the kernel's thread ID in the JVM's own PID namespace.
	OSThreadID int
	// StackStart and StackEnd bound the stack, guard zones included:
	// [StackStart, StackEnd).
	StackStart, StackEnd uint64

	address uint64 // of the JavaThread
}

// Snapshot is the result of one Read.
type Snapshot struct {
	// Ranges are unsorted address ranges, those of stacks not always whole pages: the reserved
	// heap (none for ZGC), code heaps and their segment maps, CDS archives, the
	// compressed class space, the collector's card table, and the stacks of
	// Threads.
	Ranges []ranges.Range
	// Threads are those with a stack: one that is just starting is left out.
	Threads []Thread
	// Errors has one error for each part that could not be read, or for threads
	// not wholly; the other parts are complete. A part that the JVM doesn't use
	// is no error.
	Errors []error
}

// Open finds the tables of the JVM at o.Base, once. The error is ErrGone if
// the process ended, ErrNotHotSpot if no HotSpot is mapped there, and wraps
// fs.ErrPermission if the kernel refuses.
func Open(o Options) (*Reader, error) {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	path := filepath.Join(o.Proc, strconv.Itoa(o.PID), "mem")
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return nil, fmt.Errorf("open %s: %w", path, ErrGone)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w (run with the JVM's own UID and GID, or as root with the default capabilities and SYS_PTRACE)", err)
	case err != nil:
		return nil, err
	}
	r, err := open(file, o, pageBytes, aheadPages)
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, fmt.Errorf("vmstructs of process %d: %w", o.PID, err)
	}
	r.closer = file
	return r, nil
}

// open reads the tables from source. Units of unit bytes are fetched from
// libjvm.so, ahead of them at once.
func open(source io.ReaderAt, o Options, unit, ahead uint64) (*Reader, error) {
	m := memory{source}
	s, err := openSymbols(m, o.Base, unit, ahead)
	if err != nil {
		return nil, err
	}
	t, err := openTable(s, o)
	if err != nil {
		return nil, err
	}
	r := &Reader{memory: m, table: t, start: s.image.start, end: s.image.end, dataStart: s.library.DataStart, dataEnd: s.library.DataEnd}
	flags := append(ownFlags(), o.Flags...)
	if o.Names {
		flags = append(flags, "UseCompressedOops", "UseZGC", "ZGenerational")
	}
	if o.Classes {
		flags = append(flags, "UseCompactObjectHeaders")
	}
	r.flags, err = openFlags(s, t, flags)
	return r, err
}

// Close closes the process's memory.
func (r *Reader) Close() error { return r.closer.Close() }

// Read reads the JVM's current state: some 30 system calls and two or three
// more for each thread. sameThreads says that no thread started since the last Read,
// as the caller knows from elsewhere: if the list of threads is unchanged, none
// is read again. The JVM is not stopped. The error is ErrGone
// once the process ended; all else is in Snapshot.Errors.
func (r *Reader) Read(sameThreads bool) (Snapshot, error) {
	var out Snapshot
	parts := []struct {
		name string
		read func() ([]ranges.Range, error)
	}{
		{"heap", r.heap},
		{"code heaps", r.codeHeaps},
		{"CDS archive", r.archive},
		{"class space", r.classSpace},
		{"card table", r.cardTable},
	}
	for _, part := range parts {
		list, err := part.read()
		if errors.Is(err, ErrGone) {
			return Snapshot{}, err
		}
		if err != nil {
			out.Errors = append(out.Errors, fmt.Errorf("vmstructs: %s: %w", part.name, err))
			continue
		}
		out.Ranges = append(out.Ranges, list...)
	}
	threads, err := r.readThreads(sameThreads)
	if errors.Is(err, ErrGone) {
		return Snapshot{}, err
	}
	if err != nil {
		out.Errors = append(out.Errors, fmt.Errorf("vmstructs: threads: %w", err))
	}
	out.Threads = threads
	for _, t := range threads {
		out.Ranges = append(out.Ranges, ranges.Range{Start: t.StackStart, End: t.StackEnd, Kind: ranges.Stack, Thread: t.OSThreadID})
	}
	return out, nil
}
