package malloc

import (
	"encoding/binary"
	"path"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// caches tells which blocks are free although malloc marks them as in use: those in the
// fastbins of an arena, and in the tcache of a thread.
type caches struct {
	fast    []uint64 // chunks in fastbins, sorted, and with listed those in tcaches
	library []ranges.Range
	// key marks the blocks in a tcache, in their second word: from glibc 2.34 on a random
	// number that is a variable of libc, 0 if none was found; from 2.29 on the address of
	// the tcache itself, which keyIsAddress says.
	key          uint64
	keyIsAddress bool
	tcaches      map[uint64]bool // with keyIsAddress: what is a tcache, and what is not
	low, high    uint64          // addresses of the heaps
	// listed: nothing marks the blocks in a tcache (glibc 2.27 and 2.28).
	listed bool
}

const (
	// maxFast bounds the chunks in fastbins that are remembered: 2 MiB.
	maxFast = 256 << 10
	// maxTcaches bounds the threads: the same.
	maxTcaches = 64 << 10
	// searchedHeaps bounds the search for the key: a window of each is read.
	searchedHeaps = 64
	tcacheBins    = 64 // of small blocks: as many in all versions
	maxTcacheSize = 2*chunkHeader + 16*(tcacheBins-1)
	maxTcacheList = 127 // glibc.malloc.tcache_count, 7 by default
)

// tcacheEntries is where the list heads lie in a tcache whose key may be its address, by
// the size of its chunk: glibc 2.26 and 2.30.
var tcacheEntries = map[uint64]uint64{0x250: 64, 0x290: 128}

// findCaches fills the caches before the blocks are walked.
func (w *walker) findCaches(heaps []*heap, arenas []*mallocState) {
	w.low = ^uint64(0)
	for _, h := range heaps {
		w.low, w.high = min(w.low, h.first), max(w.high, h.end)
	}
	for _, a := range arenas {
		for i := range uint64(countFast) {
			if a.layout.fastbins != 0 {
				w.readFastbin(w.word(a.addr+a.layout.fastbins+8*i), 2*chunkHeader+16*i)
			}
		}
	}
	w.forgetLinks()
	slices.Sort(w.fast)
	w.fast = slices.Compact(w.fast)
	w.findKey(heaps)
}

// findKey finds what marks the blocks in a tcache.
func (w *walker) findKey(heaps []*heap) {
	random := w.randomWords()
	w.tcaches = make(map[uint64]bool)
	keys := make(map[uint64]int)
	var entries, addresses int
	for _, h := range heaps[:min(len(heaps), searchedHeaps)] {
		w.load(h.first, min(h.end, h.first+windowBytes))
		for addr := h.first; w.err == nil && w.holds(addr, chunkHeader+16); {
			size, inUse, v := w.chunk(h, addr)
			if v != sound {
				break
			}
			if key := w.secondWord(addr); inUse && random[key] {
				keys[key]++
			}
			if lists, ok := w.readTcache(addr+chunkHeader, size); ok {
				for _, e := range lists {
					if e == 0 {
						continue
					}
					entries++
					switch key := w.word(e + 8); {
					case key == addr+chunkHeader:
						addresses++
					case random[key]:
						keys[key]++
					}
				}
			}
			addr += size
		}
	}
	most := 1 // one may be an accident
	for key, n := range keys {
		if n > most {
			w.key, most = key, n
		}
	}
	w.keyIsAddress = w.key == 0 && 2*addresses > entries
	w.listed = w.key == 0 && !w.keyIsAddress && entries >= 4
}

// listCached finds the chunks in all tcaches by their lists. A tcache may be anywhere in the
// heaps, so they are walked through once more.
func (w *walker) listCached(heaps []*heap) {
	see, totals := w.see, w.totals
	var found []uint64
	w.see = func(b *Block) {
		lists, ok := w.readTcache(b.Addr, b.Bytes)
		for i := 0; ok && i < len(lists); i++ {
			found = w.appendList(found, lists[i], 2*chunkHeader+16*uint64(i))
		}
	}
	for _, h := range heaps {
		w.walk(h)
	}
	w.forgetLinks()
	w.see, w.totals = see, totals
	w.fast = append(w.fast, found...)
	slices.Sort(w.fast)
}

// appendList adds the chunks of a list of a tcache, which all have that size.
func (w *walker) appendList(found []uint64, block, size uint64) []uint64 {
	for n := 0; n < maxTcacheList && block%16 == 0 && block >= w.low && block < w.high; n++ {
		b := w.nearby(block-8, 16)
		if b == nil || binary.LittleEndian.Uint64(b)&^flagBits != size {
			break
		}
		if len(w.fast)+len(found) >= maxFast {
			w.err = ErrBudget
			break
		}
		found = append(found, block-chunkHeader)
		block = binary.LittleEndian.Uint64(b[8:])
	}
	return found
}

// randomWords returns the words in libc's variables that may be a random key.
func (w *walker) randomWords() map[uint64]bool {
	words := make(map[uint64]bool)
	for _, r := range w.library {
		w.load(r.Start, r.End)
		for at := w.start; at < w.end; at += 8 {
			// Pointers and small numbers, also negative ones, are not random.
			if word := binary.LittleEndian.Uint64(w.at(at, 8)); word>>48 != 0 && word>>48 != 0xffff {
				words[word] = true
			}
		}
	}
	return words
}

// secondWord is that of the block of a chunk in the window.
func (w *walker) secondWord(addr uint64) uint64 {
	return binary.LittleEndian.Uint64(w.at(addr+chunkHeader+8, 8))
}

// readTcache returns the first block of each list of a tcache; ok: it is one, and not
// empty.
func (w *walker) readTcache(addr, size uint64) (entries [tcacheBins]uint64, ok bool) {
	offset, known := tcacheEntries[size]
	if !known {
		return entries, false
	}
	b := w.read(addr+offset, 8*tcacheBins)
	if b == nil {
		return entries, false
	}
	for i := range entries {
		entries[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	for i, e := range entries {
		if e == 0 {
			continue
		}
		if e%16 != 0 || e < w.low || e >= w.high || w.word(e-8)&^flagBits != 2*chunkHeader+16*uint64(i) {
			return entries, false
		}
		ok = true
	}
	return entries, ok
}

// readFastbin adds the chunks of a fastbin, which all have that size. From glibc 2.32 on
// a link is combined with its own address (safe-linking).
func (w *walker) readFastbin(chunk, size uint64) {
	valid := func(c uint64) bool {
		return c == 0 || c%16 == 0 && c >= w.low && c < w.high
	}
	// A ring is noticed when it returns to where it was after a power of two of steps.
	mark, steps, limit := uint64(0), 0, 1
	for chunk != 0 && chunk != mark && w.err == nil {
		if !valid(chunk) {
			return
		}
		b := w.nearby(chunk, 3*8)
		if b == nil || binary.LittleEndian.Uint64(b[8:])&^flagBits != size {
			return
		}
		if len(w.fast) == maxFast {
			w.err = ErrBudget
			return
		}
		w.fast = append(w.fast, chunk)
		if steps++; steps == limit {
			mark, limit = chunk, 2*limit
		}
		link := binary.LittleEndian.Uint64(b[16:])
		if chunk = link ^ (chunk+chunkHeader)>>12; !valid(chunk) {
			chunk = link
		}
	}
}

// state returns what a chunk is used for. Its second word is in the window.
func (w *walker) state(inUse bool, addr, size uint64) State {
	if !inUse {
		return Free
	}
	if (size <= maxFastSize || w.listed && size <= maxTcacheSize) && len(w.fast) > 0 {
		if _, found := slices.BinarySearch(w.fast, addr); found {
			return Cached
		}
	}
	if !w.holds(addr, chunkHeader+16) {
		return InUse
	}
	key := w.secondWord(addr)
	if w.key != 0 && key == w.key || w.keyIsAddress && w.isTcache(key) {
		return Cached
	}
	return InUse
}

// isTcache reports whether a tcache lies at addr.
func (w *walker) isTcache(addr uint64) bool {
	if addr%16 != 0 || addr < w.low || addr >= w.high {
		return false
	}
	is, known := w.tcaches[addr]
	if !known && len(w.tcaches) < maxTcaches {
		_, is = w.readTcache(addr, w.word(addr-8)&^flagBits)
		w.tcaches[addr] = is
	}
	return is
}

// isLibc reports whether a mapped file is glibc's libc.so.
func isLibc(file string) bool {
	name := path.Base(strings.TrimSuffix(file, " (deleted)"))
	return strings.HasPrefix(name, "libc.so") || strings.HasPrefix(name, "libc-2.")
}
