package evidence

import (
	"context"
	"errors"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Arenas describes the memory of glibc's malloc.
type Arenas struct {
	// Source is "malloc_info" (glibc's own report) or "mappings" (malloc's headers, as
	// the last count of pages found them).
	Source string `json:"source"`
	// Arenas is the number of arenas, with the main one.
	Arenas int `json:"arenas"`
	// InUseBytes is allocated from the arenas, FreeBytes is free there and mostly
	// resident. nil unless Source is malloc_info.
	InUseBytes *int64 `json:"in_use_bytes"`
	FreeBytes  *int64 `json:"free_bytes"`
	// MmapChunks and MmapBytes are large chunks, outside of arenas; nil: unknown.
	MmapChunks *int64 `json:"mmap_chunks"`
	MmapBytes  *int64 `json:"mmap_bytes"`
	// Partial: some arenas are missing.
	Partial bool `json:"partial,omitempty"`
}

// NativeHeap queries the arenas of glibc (JDK 21 and newer). Where the JVM cannot report
// them, they are counted by the headers that malloc writes, after a count of pages,
// without the JVM's cooperation.
func NativeHeap(ctx context.Context, p *jvm.Process) (*Arenas, error) {
	text, partial, err := send(ctx, p, attach.NativeHeapInfo)
	if err == nil {
		var info dcmd.NativeHeap
		if info, err = dcmd.ParseNativeHeap(text); err == nil {
			n := &Arenas{Source: "malloc_info", Arenas: info.Arenas, FreeBytes: &info.FreeBytes,
				InUseBytes: new(info.SystemBytes - info.FreeBytes), Partial: partial}
			if info.Mmapped != nil {
				n.MmapChunks, n.MmapBytes = &info.Mmapped.Count, &info.Mmapped.Bytes
			}
			return n, nil
		}
		err = notParsed(p, attach.NativeHeapInfo, err)
	}
	if errors.Is(err, jvm.ErrGone) {
		return nil, err
	}
	n, countErr := countArenas(p)
	if countErr != nil {
		return nil, errors.Join(err, countErr)
	}
	return n, nil
}

// countArenas reads the headers of the malloc that the last count of pages found.
func countArenas(p *jvm.Process) (*Arenas, error) {
	found, err := p.Malloc()
	bounded := errors.Is(err, ranges.ErrBounded)
	if err != nil && !bounded {
		return nil, err
	}
	mem, err := p.OpenMemory()
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	n := &Arenas{Source: "mappings", Arenas: 1 + malloc.CountArenas(mem, found)}
	if bounded {
		return n, nil
	}
	n.MmapChunks, n.MmapBytes = new(int64), new(int64)
	for _, r := range found {
		if r.Kind == ranges.MallocChunk {
			*n.MmapChunks++
			*n.MmapBytes += int64(r.End - r.Start)
		}
	}
	return n, nil
}
