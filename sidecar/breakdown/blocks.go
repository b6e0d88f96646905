package breakdown

import (
	"maps"
	"slices"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// blockParts has the parts of malloc by name: direct buffers, untracked, retained, and
// HotSpot's categories.
type blockParts map[string]int64

// splitBlocks divides malloc's resident bytes by its blocks, as they were when they were
// last walked through, and by what NMT and glibc report as allocated or freed since. So the
// parts are exact after a walk, and off by no more than what changed since. known is glibc's
// account, nil: it has none.
func splitBlocks(j *jvm.Facts, known *jvm.Malloc, malloc, mmap, vm int64) nativeParts {
	parts := partsOf(j.Blocks, j.Major)
	since := changes(j, known)
	freed := parts.change(since) - max(0, since[rows.AllocatorRetained])
	rest := malloc - total(parts)
	if rest > 0 {
		// What HotSpot freed is still resident; the remainder others allocated.
		retained := min(rest, max(0, freed))
		parts[rows.AllocatorRetained] += retained
		parts[rows.Untracked] += rest - retained
	}
	// What is not resident was never touched, or was allocated from retained memory.
	excess := max(0, -rest)
	for _, name := range append(largeTables(), rows.Untracked) {
		excess -= parts.cut(name, min(excess, max(0, since[name])))
	}
	for _, name := range slices.Concat([]string{rows.AllocatorRetained, rows.Untracked}, slices.Sorted(maps.Keys(parts))) {
		excess -= parts.cut(name, excess)
	}
	return parts.native(j.Blocks.Categories != nil, mmap, vm)
}

// partsOf returns the parts at the time of the walk. The arenas of a category consist of
// chunks, and get that share of what is resident of these.
func partsOf(b *jvm.Blocks, major int) blockParts {
	parts := blockParts{rows.Untracked: b.UntrackedBytes, rows.AllocatorRetained: b.FreeBytes}
	for name, bytes := range b.Categories {
		parts.add(name, major, bytes)
	}
	const chunks = "Arena Chunk"
	if b.Report == nil || b.Categories == nil {
		return parts
	}
	var allocated int64
	for _, c := range b.Report.Categories {
		allocated += c.ArenaBytes
		if c.Name == chunks {
			allocated += c.MallocBytes
		}
	}
	for _, c := range b.Report.Categories {
		if c.ArenaBytes > 0 && c.Name != chunks {
			share := int64(float64(b.Categories[chunks]) * float64(c.ArenaBytes) / float64(allocated))
			parts.add(c.Name, major, share)
			parts.add(chunks, major, -share)
		}
	}
	return parts
}

func (p blockParts) add(category string, major int, bytes int64) {
	if isDirect(category, major) {
		p[rows.DirectBuffers] += bytes
	} else {
		p[partName(category)] += bytes
	}
}

// changes returns by how much the parts changed since the walk, by what NMT and glibc (known)
// report.
func changes(j *jvm.Facts, known *jvm.Malloc) map[string]int64 {
	b := j.Blocks
	since := make(map[string]int64)
	if b.Categories != nil && b.Report != nil && j.Report != nil {
		then, parts := trackedMalloc(b.Report, j.Major)
		now, partsNow := trackedMalloc(j.Report, j.Major)
		since[rows.DirectBuffers] = now - then
		for name, bytes := range partsNow {
			since[name] += bytes
		}
		for name, bytes := range parts {
			since[name] -= bytes
		}
	}
	if b.Malloc != nil && known != nil {
		tracked := total(since)
		since[rows.Untracked] = known.InUseBytes - b.Malloc.InUseBytes - tracked
		since[rows.AllocatorRetained] = known.FreeBytes - b.Malloc.FreeBytes
	}
	return since
}

// change adds the changes, and returns how much HotSpot freed.
func (p blockParts) change(since map[string]int64) (freed int64) {
	for name, bytes := range since {
		before := p[name]
		p[name] = max(0, before+bytes)
		if name != rows.Untracked && name != rows.AllocatorRetained {
			freed += max(0, before-p[name])
		}
	}
	return freed
}

// cut subtracts up to bytes from a part, and returns how much that was.
func (p blockParts) cut(name string, bytes int64) int64 {
	n := min(p[name], bytes)
	p[name] -= n
	return n
}

// native adds the mappings. tracked: HotSpot's own blocks are known.
func (p blockParts) native(tracked bool, mmap, vm int64) nativeParts {
	untracked, direct, retained := p[rows.Untracked], p[rows.DirectBuffers], p[rows.AllocatorRetained]
	if !tracked {
		return nativeParts{retained: &retained, malloc: &untracked, mmap: new(mmap + vm)}
	}
	internal := maps.Clone(map[string]int64(p))
	for _, name := range []string{rows.Untracked, rows.DirectBuffers, rows.AllocatorRetained} {
		delete(internal, name)
	}
	if vm > 0 {
		internal["mmap"] += vm
	}
	return nativeParts{internal: new(total(internal)), categories: internal, direct: &direct, untracked: new(untracked + mmap), retained: &retained}
}
