package malloc

import (
	"encoding/binary"
	"errors"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// set writes one word, which may lie on two pages.
func (p *process) set(addr, word uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], word)
	for i, c := range b {
		if page := p.pages[(addr+uint64(i))&^(pageSize-1)]; page != nil {
			page[(addr+uint64(i))%pageSize] = c
		}
	}
}

// blocks returns all blocks, without their heads.
func (r *recording) blocks(t testing.TB) (out []Block) {
	t.Helper()
	if _, err := Walk(r, r, r.areas, ample, func(b *Block) { out = append(out, *b) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// arenaBytes of chunks follow each other in that many bytes.
const arenaBytes = 8 << 20

// arena adds an arena of glibc 2.36 at base with chunks of size bytes. heap_info has info
// bytes.
func (r *recording) arena(info, size uint64) (chunks []uint64) { return r.arenaAt(base, info, size) }

func (r *recording) arenaAt(base, info, size uint64) (chunks []uint64) {
	r.heap(base, 0, base+info, arenaBytes)
	for addr := uint64(base + pageSize); addr < base+arenaBytes; addr += pageSize {
		r.put(addr)
	}
	state := base + info
	for i := range uint64(countBins) {
		r.set(state+0x70+16*i, state+0x60+16*i)
		r.set(state+0x78+16*i, state+0x60+16*i)
	}
	r.set(state+0x870, state)
	r.set(state+0x888, arenaBytes)
	r.set(state+0x890, arenaBytes)
	at := state + 0x8a0
	for ; at+2*size <= base+arenaBytes; at += size {
		chunks = append(chunks, at)
		r.set(at+8, size|prevInUse|notMain)
	}
	r.set(at+8, base+arenaBytes-at|prevInUse)
	r.set(state+0x60, at)
	r.areas.Found = append(r.areas.Found, arena(base, base+arenaBytes))
	return chunks
}

// TestHostile: what the process wrote over malloc's headers ends a walk early at worst.
func TestHostile(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for name, overwrite := range map[string]func(r *recording, chunks []uint64){
		"nothing": func(*recording, []uint64) {},
		"random sizes": func(r *recording, chunks []uint64) {
			for _, c := range chunks {
				r.set(c+8, random.Uint64()>>(random.Intn(60)))
			}
		},
		"random sizes that may be": func(r *recording, chunks []uint64) {
			for _, c := range chunks {
				r.set(c+8, random.Uint64()%arenaBytes&^15|prevInUse|notMain)
			}
		},
		"sizes of 0": func(r *recording, chunks []uint64) {
			for _, c := range chunks {
				r.set(c+8, prevInUse)
			}
		},
		"tiny": func(r *recording, chunks []uint64) {
			for _, c := range chunks {
				r.set(c+8, 0x20|prevInUse|notMain)
			}
		},
		"one that claims all": func(r *recording, chunks []uint64) {
			r.set(chunks[0]+8, ^uint64(flagBits)|prevInUse|notMain)
		},
		"broken after each 20": func(r *recording, chunks []uint64) {
			for i := 0; i < len(chunks); i += 20 {
				r.set(chunks[i]+8, 0)
			}
		},
		"broken where the next begins": func(r *recording, chunks []uint64) {
			for i := range chunks {
				r.set(chunks[i]+8, uint64(16*(soundChunks+2)-16*i%(16*soundChunks))|prevInUse|notMain)
			}
		},
		"a ring in a fastbin": func(r *recording, chunks []uint64) {
			for i := range uint64(countFast) {
				r.set(base+0x30+0x10+8*i, chunks[0])
			}
			for i, c := range chunks {
				r.set(c+16, chunks[(i+1)%len(chunks)])
			}
		},
		"all in fastbins": func(r *recording, chunks []uint64) {
			for i := range chunks[:len(chunks)-1] {
				r.set(chunks[i]+16, chunks[i+1])
			}
			r.set(base+0x30+0x10+8*4, chunks[0])
		},
		"a top that is none": func(r *recording, chunks []uint64) {
			r.set(base+0x30+0x60, chunks[len(chunks)/2]+16)
		},
		"a heap that claims 64 MiB": func(r *recording, chunks []uint64) {
			r.set(base+16, HeapMax)
			r.set(base+24, HeapMax)
		},
		"a false arena": func(r *recording, chunks []uint64) { r.set(base+0x30+0x70, 0) },
		"2,000 heaps of an arena": func(r *recording, chunks []uint64) {
			for i := uint64(1); i <= 2000; i++ {
				heap := base + i*HeapMax
				r.heap(heap, base, base+0x30, HeapMax)
				r.areas.Found = append(r.areas.Found, arena(heap, heap+HeapMax))
			}
		},
		"false chunks": func(r *recording, chunks []uint64) {
			for i := range uint64(2000) {
				at := base + HeapMax + i*mib
				r.put(at)
				r.areas.Found = append(r.areas.Found, chunk(at, at+mib))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recording{process: newProcess()}
			chunks := r.arena(0x30, 0x60)
			overwrite(r, chunks)
			r.reads = 0
			began := time.Now()
			var last uint64
			totals, err := Walk(r, r, r.areas, ample, func(b *Block) {
				if b.Addr < base || b.Addr+b.Bytes > base+arenaBytes+chunkHeader || b.Addr < last {
					t.Fatalf("block at %#x of %d bytes after %#x", b.Addr, b.Bytes, last)
				}
				last = b.Addr + b.Bytes
			})
			t.Logf("%v: %+v, %v", time.Since(began), totals, err)
			if len(r.looked) > 0 {
				t.Errorf("read although not resident: %x", r.looked)
			}
			if name == "a false arena" && errors.Is(err, ErrUnknown) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkSum(t, r, r.areas, totals)
			if name == "all in fastbins" && totals.Reads > len(chunks)/4 {
				t.Errorf("%d reads for %d chunks", totals.Reads, len(chunks))
			}
			if totals.Reads > 600_000 {
				t.Errorf("%d reads", totals.Reads)
			}
		})
	}
}

// TestOlder: glibc 2.34 and older has other marks, and a shorter heap_info, also in the
// further heaps of an arena.
func TestOlder(t *testing.T) {
	const cached, bins = 12, 4
	for name, tt := range map[string]struct {
		tcacheBytes, entries uint64
		key                  func(tcache, i uint64) uint64
	}{
		"2.28": {0x250, 64, func(_, i uint64) uint64 { return i << 20 }},
		"2.29": {0x250, 64, func(tcache, _ uint64) uint64 { return tcache }},
		"2.34": {0x290, 128, func(_, _ uint64) uint64 { return 0xf00dfacecafe1234 }},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recording{process: newProcess()}
			chunks := r.arena(0x20, tt.tcacheBytes)
			tcache := chunks[0] + chunkHeader
			var lists [bins]uint64
			for i := range uint64(cached) {
				if i == cached-bins { // that of another thread may be anywhere
					tcache, lists = chunks[len(chunks)/2]+chunkHeader, [bins]uint64{}
				}
				c, size := chunks[i+1], 0x20+16*(i%bins) // and the rest is another chunk
				r.set(c+8, size|prevInUse|notMain)
				r.set(c+size+8, tt.tcacheBytes-size|prevInUse|notMain)
				r.set(c+chunkHeader, lists[i%bins])
				r.set(c+chunkHeader+8, tt.key(tcache, i))
				lists[i%bins] = c + chunkHeader
				r.set(tcache+tt.entries+8*(i%bins), c+chunkHeader)
			}
			r.put(base-mib, 0, 0xf00dfacecafe1234) // libc's variables
			r.areas.Library = []ranges.Range{span(base-mib, base-mib+pageSize)}

			for i, rest := range []uint64{0x20, 0x30} { // at the end of heaps that are full
				heap := uint64(base + (i+1)*HeapMax)
				end := heap + 2*pageSize
				r.heap(heap, base, base+0x20, 2*pageSize)
				r.put(heap + pageSize)
				r.set(heap+0x28, (end-rest-heap-0x20)|prevInUse|notMain)
				r.set(end-rest+8, (rest-0x10)|prevInUse)
				r.set(end-0x08, prevInUse)
				r.areas.Found = append(r.areas.Found, arena(heap, end))
			}

			totals, err := Walk(r, r, r.areas, ample, func(*Block) {})
			want := [states]int64{InUse: int64(len(chunks)) + 2, Cached: cached, Top: 1}
			if err != nil || totals.Blocks != want || totals.LostBytes != 0 {
				t.Fatalf("%+v, %v, want blocks %d", totals, err, want)
			}
			checkSum(t, r, r.areas, totals)
		})
	}
}

// TestBudget: a walk ends where its budget does.
func TestBudget(t *testing.T) {
	r := &recording{process: newProcess()}
	r.arena(0x30, 0x60)
	for name, budget := range map[string]Budget{
		"reads": {Reads: 20, Time: time.Minute},
		"time":  {Reads: 1 << 20},
		"none":  {},
	} {
		r.reads = 0
		totals, err := Walk(r, r, r.areas, budget, func(*Block) {})
		if !errors.Is(err, ErrBudget) || totals.Reads > max(budget.Reads, 128) || r.reads > totals.Reads {
			t.Errorf("%s: %+v after %d reads, %v", name, totals, r.reads, err)
		}
	}
}

// changing is memory in which a chunk is being split during the first reads.
type changing struct {
	*recording
	reads int
	at    uint64 // the header that is not written yet
}

func (c *changing) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.recording.ReadAt(b, at)
	if c.reads++; c.reads <= 12 && uint64(at) <= c.at && c.at+8 <= uint64(at)+uint64(n) {
		clear(b[c.at-uint64(at):][:8])
	}
	return n, err
}

// TestChanging: what changes just now is read again.
func TestChanging(t *testing.T) {
	r := &recording{process: newProcess()}
	chunks := r.arena(0x30, 0x60)
	c := &changing{recording: r, at: chunks[100] + 8}
	totals, err := Walk(c, r, r.areas, ample, func(*Block) {})
	if err != nil || totals.LostBytes != 0 || totals.Blocks[InUse] != int64(len(chunks)) {
		t.Errorf("%+v, %v", totals, err)
	}
	c.reads = -1 << 20 // it stays so: the walk goes on behind it
	totals, err = Walk(c, r, r.areas, ample, func(*Block) {})
	if err != nil || totals.LostBytes == 0 || totals.LostBytes > 0x200 || !totals.Complete() || totals.Blocks[InUse] < int64(len(chunks))-5 {
		t.Errorf("%+v, %v", totals, err)
	}
	unmapped := &recording{process: newProcess(), areas: r.areas}
	if _, err := Walk(unmapped, unmapped, r.areas, ample, func(*Block) {}); !errors.Is(err, ErrUnknown) {
		t.Errorf("unmapped: %v", err)
	}
	broken := brokenPages{errors.New("no pagemap")}
	r = loadRecording(t, recordings[0])
	if _, err := Walk(r, broken, r.areas, ample, func(*Block) {}); !errors.Is(err, broken.err) {
		t.Errorf("no pagemap: %v", err)
	}
}

// growing is memory in which an arena grew since the first reads: they show its old top.
type growing struct {
	*recording
	reads    int
	at, then uint64
}

func (g *growing) ReadAt(b []byte, at int64) (int, error) {
	n, err := g.recording.ReadAt(b, at)
	if g.reads++; g.reads <= 4 && uint64(at) <= g.at && g.at+8 <= uint64(at)+uint64(n) {
		binary.LittleEndian.PutUint64(b[g.at-uint64(at):], g.then)
	}
	return n, err
}

// TestGrowing: what an arena grows while it is walked through is seen.
func TestGrowing(t *testing.T) {
	r := &recording{process: newProcess()}
	chunks := r.arena(0x30, 0x60)
	const state = base + 0x30
	totals, err := Walk(&growing{recording: r, at: state + 0x60, then: chunks[100]}, r, r.areas, ample, func(*Block) {})
	if err != nil || !totals.Complete() || totals.Blocks[InUse] != int64(len(chunks)) {
		t.Errorf("%+v, %v", totals, err)
	}
	// A heap that is not among the areas is missed, not left out.
	r.set(state+0x888, arenaBytes+mib)
	r.set(state+0x890, arenaBytes+mib)
	totals, err = Walk(r, r, r.areas, ample, func(*Block) {})
	if err != nil || totals.Complete() || totals.UnseenBytes != mib {
		t.Errorf("%+v, %v", totals, err)
	}
}

type brokenPages struct{ err error }

func (b brokenPages) PageSize() uint64                        { return pageSize }
func (b brokenPages) Present(uint64) bool                     { return false }
func (b brokenPages) Pages(_, _ uint64, _ func(uint64)) error { return b.err }

// FuzzWalk changes words of the recordings: one byte says which recording; then two say
// which page, two which word, and eight what is written there.
func FuzzWalk(f *testing.F) {
	var all []*recording
	for _, name := range recordings {
		all = append(all, loadRecording(f, name))
	}
	for i, r := range all {
		addresses := r.addresses()
		seed := func(addr, value uint64) {
			page, _ := slices.BinarySearch(addresses, addr&^(pageSize-1))
			data := binary.LittleEndian.AppendUint16([]byte{byte(i)}, uint16(page))
			data = binary.LittleEndian.AppendUint16(data, uint16(addr%pageSize/8))
			f.Add(binary.LittleEndian.AppendUint64(data, value))
		}
		f.Add([]byte{byte(i)})
		blocks := r.blocks(f)
		for _, value := range []uint64{0, 1, 0x21, 1 << 20, 1<<63 - 1, ^uint64(0)} {
			seed(blocks[len(blocks)/2].Addr-8, value) // a size
			seed(blocks[len(blocks)/2].Addr, value)   // a link
			seed(r.areas.Found[0].Start+16, value)    // of heap_info
			seed(r.areas.Found[0].Start+0x30+0x60, value)
			seed(blocks[0].Arena+0x60, value)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		r := all[int(data[0])%len(all)].clone()
		r.change(data[1:])
		var s Split
		totals, err := Walk(r, r, r.areas, Budget{Reads: 20_000, Time: time.Minute}, func(b *Block) {
			if b.ResidentBytes < 0 || uint64(b.ResidentBytes) > b.Bytes || len(b.Head) > HeadBytes {
				t.Fatalf("%+v", b)
			}
			inside := func(a ranges.Range) bool { // a heap may claim that it grew
				return b.Addr >= a.Start && b.Addr-chunkHeader+b.Bytes <= max(a.End, a.Start+HeapMax)
			}
			if !slices.ContainsFunc(r.all(), inside) && b.State != Top {
				t.Fatalf("%#x, %d bytes, is in no area", b.Addr, b.Bytes)
			}
			s.Add(b)
		})
		s.Result(JVM{NMT: "summary"})
		switch {
		case len(r.looked) > 0:
			t.Fatalf("read although not resident: %x", r.looked)
		case err == nil:
			checkSum(t, r, r.areas, totals)
		case !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrBudget):
			t.Fatal(err)
		}
	})
}
