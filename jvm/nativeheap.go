package jvm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// NativeHeap is how malloc holds its memory.
type NativeHeap struct {
	// Source is "malloc_info" (glibc itself) or "mappings" (malloc's headers, as the
	// last Walk found them).
	Source string `json:"source"`
	// Arenas is how many arenas there are, with the main one.
	Arenas int `json:"arenas"`
	// InUseBytes is what the arenas handed out, FreeBytes what they keep, mostly
	// resident. Only malloc_info tells.
	InUseBytes *int64 `json:"in_use_bytes"`
	FreeBytes  *int64 `json:"free_bytes"`
	// MmapChunks and MmapBytes are large chunks, in no arena; nil if not known.
	MmapChunks *int64 `json:"mmap_chunks"`
	MmapBytes  *int64 `json:"mmap_bytes"`
	// Partial: some arenas are missing.
	Partial bool `json:"partial,omitempty"`
}

// NativeHeap asks glibc for its arenas (JDK 21 and newer; no safepoint, but each
// arena is locked for a moment). Where the JVM can't tell they are counted, after a
// Walk, by the headers that malloc writes: without the JVM's help.
func (p *Process) NativeHeap(ctx context.Context) (*NativeHeap, error) {
	text, partial, err := p.demand(ctx, attach.NativeHeapInfo)
	if err == nil {
		var info dcmd.NativeHeap
		if info, err = dcmd.ParseNativeHeap(text); err == nil {
			n := &NativeHeap{Source: "malloc_info", Arenas: info.Arenas, FreeBytes: &info.FreeBytes,
				InUseBytes: new(info.SystemBytes - info.FreeBytes), Partial: partial}
			if info.Mmapped != nil {
				n.MmapChunks, n.MmapBytes = &info.Mmapped.Count, &info.Mmapped.Bytes
			}
			return n, nil
		}
		err = p.notUnderstood(attach.NativeHeapInfo, err)
	}
	if errors.Is(err, ErrGone) {
		return nil, err
	}
	n, countErr := p.countArenas()
	if countErr != nil {
		return nil, errors.Join(err, countErr)
	}
	return n, nil
}

// countArenas looks at the malloc that the last Walk found.
func (p *Process) countArenas() (*NativeHeap, error) {
	bounded := errors.Is(p.mallocErr, malloc.ErrBounded)
	if p.mallocErr != nil && !bounded {
		return nil, p.mallocErr
	}
	mem, err := os.Open(filepath.Join(p.proc, strconv.Itoa(p.status.PID), "mem"))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	n := &NativeHeap{Source: "mappings", Arenas: 1 + malloc.CountArenas(mem, p.malloc)}
	if bounded {
		return n, nil
	}
	n.MmapChunks, n.MmapBytes = new(int64), new(int64)
	for _, r := range p.malloc {
		if r.Kind == ranges.MallocChunk {
			*n.MmapChunks++
			*n.MmapBytes += int64(r.End - r.Start)
		}
	}
	return n, nil
}
