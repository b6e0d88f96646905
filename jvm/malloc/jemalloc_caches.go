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
	// A tcache_slow_t begins with its links in two lists, the address of its bins, and that of
	// its arena.
	secondLink, cacheBins, cacheArena = 16, 32, 40
	// There are up to 73 bins (cache_bin_t): the address of the first of the blocks that it
	// keeps, which a counter follows, and the lower 16 bits of three others, of which the last
	// is where they end.
	binBytes, binsBytes, binEnd = 24, 73 * 24, 20
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
	for n := 0; n < maxTcaches && j.err == nil; n++ {
		b := j.read(at, cacheArena+8)
		if b == nil || binary.LittleEndian.Uint64(b[cacheArena:]) != arena {
			return // the thread ended meanwhile
		}
		at = binary.LittleEndian.Uint64(b)
		j.caches++
		j.readBins(binary.LittleEndian.Uint64(b[cacheBins:]))
		if at == first {
			return
		}
	}
}

// readBins adds the blocks in the bins of a thread.
func (j *jemalloc) readBins(at uint64) {
	var bins [binsBytes]byte
	copy(bins[:], j.read(at, binsBytes))
	for b := bins[:]; len(b) > 0; b = b[binBytes:] {
		head := binary.LittleEndian.Uint64(b)
		bytes := uint64(binary.LittleEndian.Uint16(b[binEnd:]) - uint16(head))
		if head >= userLimit || head%8 != 0 || bytes%8 != 0 {
			continue
		}
		for end := head + bytes; head < end; head += 8 {
			entry := j.nearby(head, 8)
			if entry == nil {
				break
			}
			if len(j.fast) == maxFast {
				j.err = ErrBudget
				return
			}
			j.fast = append(j.fast, binary.LittleEndian.Uint64(entry))
		}
	}
}
