package malloc

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/ranges"
)

const jemallocLibrary = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2" // Debian: apt-get install libjemalloc2

// TestWalkOther compares each block with what a program says that runs with another allocator.
// -record-to records it.
func TestWalkOther(t *testing.T) {
	for name, compiler := range map[string]string{"jemalloc": "gcc", "musl": "musl-gcc"} {
		t.Run(name, func(t *testing.T) {
			command := []string{"env", "A=", buildWith(t, compiler, "blocks.c"), "20000"}
			if name == "jemalloc" {
				command[1] = "LD_PRELOAD=" + jemallocLibrary
			}
			if *recordTo != "" {
				command = append(command[:3], "60", "small")
			}
			pid, lines := start(t, command...)
			l := openLive(t, pid)
			if *recordTo != "" {
				record(t, *recordTo, l, lines)
			}
			checkClasses(t, l.mem, l.pagemap, l.areas, readTruth(t, lines))
		})
	}
}

// otherRecordings are those of other allocators than glibc's.
var otherRecordings = []string{"jemalloc-5.3.0.gz", "jemalloc-5.3.1.gz", "musl-1.2.3.gz"}

func TestWalkOtherRecordings(t *testing.T) {
	for _, name := range otherRecordings {
		t.Run(name, func(t *testing.T) {
			r := loadRecording(t, name)
			checkClasses(t, r, r, r.areas, r.truth)
			if len(r.looked) > 0 {
				t.Errorf("read although not resident: %x", r.looked)
			}
		})
	}
}

// checkClasses compares each block of an allocator with size classes with what the program
// says.
func checkClasses(t *testing.T, mem io.ReaderAt, pages Pages, areas Areas, want truth) {
	t.Helper()
	memory, _, err := Memory(mem, pages, areas, ample)
	if err != nil {
		t.Fatal(err)
	}
	lookup, err := NewLookup(mem, pages, areas, ample)
	if err != nil {
		t.Fatal(err)
	}
	others, otherBytes := 0, uint64(0)
	seen := make(map[uint64]bool)
	missing := maps.Clone(want.used)
	totals, err := Walk(mem, pages, areas, ample, func(b *Block) {
		usable, used := want.used[b.Addr]
		i := ranges.Find(memory, b.Addr)
		switch {
		case seen[b.Addr] || b.End() < b.Addr:
			t.Errorf("%#x is there twice, or ends before", b.Addr)
		case used && b.State != InUse:
			t.Errorf("%#x is in state %d, but in use", b.Addr, b.State)
		case used && (b.End()-b.Addr != usable || lookup.Bytes(b.Addr) != b.Bytes || lookup.Bytes(b.Addr+1) != 0):
			t.Errorf("%#x has %d usable bytes, want %d; %d and %d bytes", b.Addr, b.End()-b.Addr, usable, b.Bytes, lookup.Bytes(b.Addr))
		case used && (i == len(memory) || memory[i].Start > b.Addr):
			t.Errorf("%#x is not in %x", b.Addr, memory)
		case used:
			delete(missing, b.Addr)
		case b.State == InUse && want.freed[b.Addr]:
			t.Errorf("%#x is in use, but was freed", b.Addr)
		case b.State == InUse:
			others++
			otherBytes += b.Bytes
		}
		seen[b.Addr] = true
	})
	t.Logf("%+v", totals)
	if err != nil {
		t.Fatal(err)
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d blocks were not seen: %x", len(missing), len(want.used), missing)
	}
	// The caches of threads, and what libc allocates.
	if others > 32 || otherBytes > 256<<10 {
		t.Errorf("%d other blocks in use, of %d bytes", others, otherBytes)
	}
	if totals.LostBytes != 0 || totals.UnseenBytes != 0 || areas.Allocator == Jemalloc && (totals.Arenas != 4 || totals.Blocks[Cached] == 0) {
		t.Errorf("%+v, want nothing lost or unseen, and of jemalloc 4 arenas with caches", totals)
	}
	var resident int64 // without what is free
	for _, r := range memory {
		err := pages.Pages(r.Start, r.End, func(page uint64) { resident += int64(min(r.End, page+pageSize) - max(r.Start, page)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := totals.Resident(); got < resident-1024 { // without a few headers of musl's
		t.Errorf("%d bytes are in the totals, %d are resident", got, resident)
	}
}

// TestOtherHostile: what a process writes over the structures of its allocator ends a walk
// early at worst.
func TestOtherHostile(t *testing.T) {
	for _, name := range otherRecordings {
		r := loadRecording(t, name)
		for what, pick := range map[string]func(i int, word uint64) uint64{
			"zeros":     func(int, uint64) uint64 { return 0 },
			"ones":      func(int, uint64) uint64 { return ^uint64(0) },
			"pointers":  func(i int, word uint64) uint64 { return word ^ uint64(i%64*128) },
			"one state": func(_ int, word uint64) uint64 { return word &^ (7 << 17) },
			"all slabs": func(_ int, word uint64) uint64 { return word | 1<<12 },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				h := r.clone()
				for n, addr := range h.addresses() {
					for i := n % 3; i < pageSize/8; i += 3 {
						word := binary.LittleEndian.Uint64(h.pages[addr][8*i:])
						binary.LittleEndian.PutUint64(h.pages[addr][8*i:], pick(i, word))
					}
				}
				checkHostile(t, h)
			})
		}
		// All leaves are the same.
		t.Run(name+" one leaf", func(t *testing.T) {
			h := r.clone()
			var leaf uint64
			for _, library := range h.areas.Library {
				for addr := library.Start; addr < library.End; addr += pageSize {
					h.put(addr)
					for i := 0; i < pageSize; i += 8 {
						if word := binary.LittleEndian.Uint64(h.pages[addr][i:]); leaf == 0 && word%64 == 0 && h.Present(word) {
							leaf = word
						}
						binary.LittleEndian.PutUint64(h.pages[addr][i:], leaf)
					}
				}
			}
			checkHostile(t, h)
		})
	}
}

// checkHostile walks through memory that may be anything.
func checkHostile(t *testing.T, r *recording) {
	t.Helper()
	const reads = 100_000
	began := time.Now()
	totals, err := Walk(r, r, r.areas, Budget{Reads: reads, Time: time.Minute}, func(b *Block) {
		if b.End() < b.Addr || b.ResidentBytes < 0 || uint64(b.ResidentBytes) > b.Bytes || len(b.Head) > HeadBytes {
			t.Fatalf("%+v", b)
		}
	})
	t.Logf("%v: %+v, %v", time.Since(began), totals, err)
	switch {
	case len(r.looked) > 0:
		t.Fatalf("read although not resident: %x", r.looked)
	case err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrBudget) && !errors.Is(err, errCaches):
		t.Fatal(err)
	case totals.Reads > reads+1:
		t.Fatalf("%d reads", totals.Reads)
	}
	memory, _, _ := Memory(r, r, r.areas, Budget{Reads: reads, Time: time.Minute})
	if !slices.IsSortedFunc(memory, func(a, b ranges.Range) int { return int(min(a.End, b.Start+1)) - int(b.Start) }) {
		t.Fatalf("%x", memory)
	}
	lookup, err := NewLookup(r, r, r.areas, Budget{Reads: reads, Time: time.Minute})
	for _, m := range memory {
		if err == nil && lookup.Bytes(m.Start) > m.End-m.Start {
			t.Fatalf("a block of %d bytes at the beginning of %x", lookup.Bytes(m.Start), m)
		}
	}
}

// FuzzWalkOther is FuzzWalk with the recordings of other allocators.
func FuzzWalkOther(f *testing.F) {
	var all []*recording
	for i, name := range otherRecordings {
		r := loadRecording(f, name)
		all = append(all, r)
		f.Add([]byte{byte(i)})
		for page := 0; page < len(r.pages); page += 5 {
			data := binary.LittleEndian.AppendUint16([]byte{byte(i)}, uint16(page))
			data = binary.LittleEndian.AppendUint16(data, uint16(page*37))
			f.Add(binary.LittleEndian.AppendUint64(data, []uint64{0, 1 << 17, ^uint64(0)}[page%3]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 0 {
			r := all[int(data[0])%len(all)].clone()
			r.change(data[1:])
			checkHostile(t, r)
		}
	})
}

// change writes words: two bytes say which page, two which word, and eight what is written
// there.
func (r *recording) change(data []byte) {
	addresses := r.addresses()
	for ; len(data) >= 12; data = data[12:] {
		page := addresses[int(binary.LittleEndian.Uint16(data))%len(addresses)]
		word := uint64(binary.LittleEndian.Uint16(data[2:])) % (pageSize / 8)
		r.set(page+8*word, binary.LittleEndian.Uint64(data[4:]))
	}
}
