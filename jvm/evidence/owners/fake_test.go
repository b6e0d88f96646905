package owners

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
)

// fakeMemory is the memory of a process: pieces by their address.
type fakeMemory map[uint64][]byte

func (f fakeMemory) ReadAt(buf []byte, at int64) (int, error) {
	for start, b := range f {
		if addr := uint64(at); addr >= start && addr < start+uint64(len(b)) {
			return copy(buf, b[addr-start:]), nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

func (f fakeMemory) Present(addr uint64) bool {
	n, _ := f.ReadAt(make([]byte, 1), int64(addr))
	return n == 1
}

func (f fakeMemory) PageSize() uint64 { return 4096 }

func (f fakeMemory) Pages(start, end uint64, yield func(addr uint64)) error {
	for at := start &^ (f.PageSize() - 1); at < end; at += f.PageSize() {
		if f.Present(at) {
			yield(at)
		}
	}
	return nil
}

func (f fakeMemory) SharedPages(uint64, uint64, func(uint64)) error { return nil }

// put writes words at an address of a piece.
func (f fakeMemory) put(addr uint64, words ...uint64) {
	for start, b := range f {
		if addr >= start && addr < start+uint64(len(b)) {
			for i, w := range words {
				binary.LittleEndian.PutUint64(b[addr-start+8*uint64(i):], w)
			}
		}
	}
}

func (f fakeMemory) open(reads int) *memory {
	return newMemory(f, f, malloc.Budget{Reads: reads, Time: time.Minute})
}

// Addresses of fakeProcess: a library with code, tables, text and variables, and malloc.
const (
	codeAt, tableAt, textAt, variableAt = 0x7f0000001000, 0x7f0000002000, 0x7f0000004000, 0x7f0000003000
	vmTableAt, libcAt, heapAt           = 0x7f1000002000, 0x7f2000001000, 0x550000000000
)

// fakeProcess has libown.so, libjvm.so and libc.so.6.
func fakeProcess(f fakeMemory) *process {
	file := func(start uint64, perm pages.Perm, offset, inode uint64, name string) pages.Mapping {
		return pages.Mapping{Start: start, End: start + 0x1000, Perm: perm, Offset: offset, Inode: inode, Path: name}
	}
	const read, write, exec = pages.Read, pages.Read | pages.Write, pages.Read | pages.Exec
	mappings := []pages.Mapping{
		file(0x7f0000000000, read, 0, 1, "/opt/app/libown.so.1.2"), file(codeAt, exec, 0x1000, 1, "/opt/app/libown.so.1.2"),
		file(tableAt, read, 0x2000, 1, "/opt/app/libown.so.1.2"), file(variableAt, write, 0x3000, 1, "/opt/app/libown.so.1.2"),
		file(textAt, read, 0x4000, 1, "/opt/app/libown.so.1.2"),
		file(0x7f1000000000, read, 0, 2, "/jdk/lib/server/libjvm.so"), file(0x7f1000001000, exec, 0x1000, 2, "/jdk/lib/server/libjvm.so"),
		file(vmTableAt, read, 0x2000, 2, "/jdk/lib/server/libjvm.so"), file(0x7f1000003000, write, 0x3000, 2, "/jdk/lib/server/libjvm.so"),
		file(0x7f2000000000, read, 0, 3, "/lib/libc.so.6"), file(libcAt, exec, 0x1000, 3, "/lib/libc.so.6"),
	}
	p := &process{memory: f.open(1 << 16), details: make(map[uint64]string), mappings: mappings}
	p.libraries = findLibraries(mappings, p.memory)
	return p
}
