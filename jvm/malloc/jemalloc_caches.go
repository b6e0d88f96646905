package malloc

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// errCaches means that what threads keep for themselves is not known.
var errCaches = errors.New("the caches of jemalloc's threads were not found")

const (
	// cacheMark is the first word of the memory of a thread's caches
	// (cache_bin_preceding_junk).
	cacheMark = 0x7a7a7a7a7a7a7a7a
	// searchedArena bytes of an arena are searched for its list of caches, which is behind its
	// statistics.
	searchedArena = 32 << 10
	// maxCached bounds the blocks in caches that are remembered: 8 MiB. A thread of a JVM has
	// some 400.
	maxCached = 1 << 20
	// A tcache_slow_t begins with its links in two lists, the address of its bins, and that of
	// its arena.
	secondLink, cacheBins, cacheArena = 16, 32, 40
	// There are up to 73 bins (cache_bin_t; 41 in 5.3.1): the address of the first of the blocks
	// that it keeps, which a counter follows, and the lower 16 bits of three others, of which the
	// last two are where there is room for them. What has room begins where that of the bin before
	// ends.
	binBytes, binsBytes, binStart, binEnd = 24, 73 * 24, 18, 20
)

// readCaches lists the blocks in the caches of threads (tcache.h). They are in lists of each
// arena, whose address is in a variable of the library.
func (j *jemalloc) readCaches(library []ranges.Range) {
	seen := make(map[uint64]bool)
	for _, r := range library {
		j.eachWord(r.Start, min(r.End, r.Start+maxVariables), func(_, word uint64) bool {
			if word%64 != 0 || word >= userLimit-searchedArena || seen[word] || len(seen) == maxPointers {
				return true
			}
			seen[word] = true
			if first := j.cachesOf(word); first != 0 {
				j.totals.Arenas++
				j.followCaches(first, word)
			}
			return j.err == nil
		})
	}
	total := 0
	for _, at := range j.bins {
		j.eachBin(at, func(_ uint8, head, end uint64) { total += int(end-head) / 8 })
	}
	j.fast = make([]uint64, 0, min(total, maxCached)) // growing it would take twice as much
	for _, at := range j.bins {
		j.eachBin(at, j.readBin)
	}
	j.forgetLinks()
	slices.Sort(j.fast)
	j.fast = slices.Compact(j.fast)
}

// cachesOf returns the first of the caches in the list of an arena (arena_t), 0: it is none.
func (j *jemalloc) cachesOf(arena uint64) uint64 {
	b := j.read(arena, 12) // the number of its threads, of two kinds, and of the next part of a bin
	if b == nil {
		return 0
	}
	for ; len(b) > 0; b = b[4:] {
		if binary.LittleEndian.Uint32(b) >= maxTcaches {
			return 0
		}
	}
	var last uint64
	found := false
	j.eachWord(arena, arena+searchedArena, func(_, word uint64) bool {
		if found = word == last+secondLink && j.word(last+cacheArena) == arena; !found {
			last = word
		}
		return !found
	})
	if !found {
		return 0
	}
	return last
}

// followCaches reads the caches of a list, which is a ring.
func (j *jemalloc) followCaches(first, arena uint64) {
	at := first
	for len(j.bins) < maxTcaches && j.err == nil {
		b := j.read(at, cacheArena+8)
		if b == nil || binary.LittleEndian.Uint64(b[cacheArena:]) != arena {
			return // the thread ended meanwhile
		}
		at = binary.LittleEndian.Uint64(b)
		j.bins = append(j.bins, binary.LittleEndian.Uint64(b[cacheBins:]))
		if at == first {
			return
		}
	}
}

// eachBin calls yield for the bins of a thread, with the entries of each.
func (j *jemalloc) eachBin(at uint64, yield func(class uint8, head, end uint64)) {
	var bins [binsBytes]byte
	copy(bins[:], j.read(at, binsBytes))
	last := uint64(0)
	for class, b := uint8(0), bins[:]; len(b) > 0; class, b = class+1, b[binBytes:] {
		head := binary.LittleEndian.Uint64(b)
		start := head - uint64(uint16(head)-binary.LittleEndian.Uint16(b[binStart:]))
		end := head + uint64(binary.LittleEndian.Uint16(b[binEnd:])-uint16(head))
		switch {
		case start == end: // it is off
		case last != 0 && start != last, head >= userLimit, (head|end)%8 != 0:
			return // no bin
		default:
			last = end
			yield(class, head, end)
		}
	}
}

// readBin adds the blocks in a bin.
func (j *jemalloc) readBin(class uint8, head, end uint64) {
	for ; head < end; head += 8 {
		entry := j.nearby(head, 8)
		switch {
		case entry == nil:
			return
		case len(j.fast) == maxCached: // it is taken for one in use
			j.totals.UnseenBytes += int64(classBytes(class))
		default:
			j.fast = append(j.fast, binary.LittleEndian.Uint64(entry))
		}
	}
}
