package breakdown

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// nativeRow is malloc, HotSpot's unnamed mappings, and mappings of native code. Where
// the ranges of other kinds are not all known, anonymous memory outside malloc could
// belong to them, and the row has malloc only.
func nativeRow(f *Facts) Row {
	kinds := []ranges.Kind{ranges.MallocArena, ranges.MallocChunk}
	row := Row{Name: rows.Native}
	switch {
	case f.named(ranges.VMKinds()...):
		kinds = append(kinds, ranges.VMInternal, ranges.Unknown)
	case !f.named(kinds...):
		return row
	}
	row.Bytes, row.Source = new(f.anon(kinds...)), rangeSource(f)
	parts := make([]nativeParts, len(f.JVMs))
	for i := range f.JVMs {
		parts[i] = splitNative(&f.JVMs[i], f.named(ranges.VMKinds()...))
	}
	row.Detail = nativeDetail(parts)
	return row
}

// nativeParts divides the native memory of one JVM; nil is unknown. The known parts add
// up to the JVM's share of the row.
type nativeParts struct {
	internal   *int64 // HotSpot's own malloc and small mappings
	categories map[string]int64
	direct     *int64 // direct byte buffers and Unsafe.allocateMemory
	untracked  *int64 // malloc and mmap of native code: JNI, libraries, Inflater
	retained   *int64 // freed, but retained by glibc
	malloc     *int64 // malloc that cannot be divided further
	mmap       *int64 // unnamed mappings that cannot be divided further
}

// splitNative divides the resident bytes by malloc's blocks (splitBlocks). Without these, or if
// they changed and nothing reports how, it divides them by what NMT and glibc report as
// allocated. Both include memory that was never touched. The excess over the resident bytes is
// taken from HotSpot's large tables first, which are touched as they fill, then from untracked
// memory, then from direct buffers, which Java zeroes.
func splitNative(j *jvm.Facts, complete bool) nativeParts {
	var p nativeParts
	malloc, mmap, known := mallocOf(j, complete)
	var vm int64
	if complete {
		vm = j.Resident[ranges.VMInternal].AnonBytes
	}
	if byBlocks(j, malloc, known) {
		return splitBlocks(j, known, malloc, mmap, vm)
	}
	if was := partsBefore(j, malloc, known); was != nil {
		p = was.native(true, mmap, vm)
		p.malloc = new(malloc - total(was)) // since then: it cannot be divided before the next walk
		return p
	}
	if known != nil {
		p.retained = new(min(max(0, malloc-max(0, known.InUseBytes)), max(0, known.FreeBytes)))
		malloc -= *p.retained
	}
	if j.Report == nil {
		p.malloc, p.mmap = &malloc, new(mmap+vm)
		return p
	}
	direct, internal := trackedMalloc(j.Report, j.Major)
	var untracked int64
	if known != nil {
		untracked = max(0, known.InUseBytes-direct-total(internal))
	}
	excess := max(0, direct+total(internal)+untracked-malloc)
	for _, table := range largeTables() {
		internal[table], excess = cut(internal[table], excess)
	}
	_, excess = cut(untracked, excess)
	direct, excess = cut(direct, excess)
	for _, name := range slices.Sorted(maps.Keys(internal)) {
		internal[name], excess = cut(internal[name], excess)
	}
	rest := malloc - direct - total(internal)
	if vm > 0 {
		internal["mmap"] += vm
	}
	p.internal, p.categories, p.direct = new(total(internal)), internal, &direct
	if known != nil {
		p.untracked = new(rest + mmap)
	} else {
		p.malloc, p.mmap = &rest, &mmap
	}
	return p
}

// mallocOf returns the resident bytes of malloc and of unnamed mappings, and glibc's own
// statistics: nil where they are unknown or, with another allocator, meaningless. Its memory and
// these mappings are told apart by its blocks only.
func mallocOf(j *jvm.Facts, complete bool) (malloc, mmap int64, known *jvm.Malloc) {
	malloc = resident.MallocBytes(j.Resident)
	if complete {
		mmap = j.Resident[ranges.Unknown].AnonBytes
	}
	if slices.Contains(j.Named, ranges.MallocArena) {
		return malloc, mmap, j.Malloc
	}
	malloc, mmap = malloc+mmap, 0
	if j.Blocks != nil {
		mmap = min(malloc, j.Blocks.OutsideBytes)
	}
	return malloc - mmap, mmap, nil
}

// byBlocks reports whether malloc is divided by its blocks.
func byBlocks(j *jvm.Facts, malloc int64, known *jvm.Malloc) bool {
	return j.Blocks != nil && (j.Report != nil || known != nil || !j.Blocks.Outdated(malloc))
}

// partsBefore returns the parts of malloc at the time of an outdated walk, where nothing but its
// blocks tells HotSpot's own from others; nil: they are not known, or malloc shrank since.
func partsBefore(j *jvm.Facts, malloc int64, known *jvm.Malloc) blockParts {
	if j.Blocks == nil || j.Blocks.Categories == nil || j.Report != nil || known != nil {
		return nil
	}
	if was := partsOf(j.Blocks, j.Major); total(was) <= malloc {
		return was
	}
	return nil
}

// walkedAt returns when the blocks were walked through by which malloc is divided; nil: it is not.
func walkedAt(j *jvm.Facts, complete bool) *time.Time {
	malloc, _, known := mallocOf(j, complete)
	if byBlocks(j, malloc, known) || partsBefore(j, malloc, known) != nil {
		return &j.Blocks.Time
	}
	return nil
}

// largeTables are the categories with tables that are touched as they fill.
func largeTables() []string { return []string{"gc", "internal"} }

// cut subtracts as much of the excess as there is.
func cut(bytes, excess int64) (left, stillExcess int64) {
	n := min(bytes, excess)
	return bytes - n, excess - n
}

// trackedMalloc returns what NMT reports of malloc: direct byte buffers and
// Unsafe.allocateMemory (category Other, on JDK 8 Internal), and HotSpot's own
// allocations by category.
func trackedMalloc(r *nmt.Report, major int) (direct int64, internal map[string]int64) {
	internal = make(map[string]int64)
	for _, c := range r.Categories {
		held := c.MallocBytes + c.ArenaBytes + c.OverheadBytes
		switch {
		case isDirect(c.Name, major):
			direct += held
		case held > 0:
			internal[partName(c.Name)] += held
		}
	}
	return direct, internal
}

// isDirect reports whether a category has direct byte buffers and Unsafe.allocateMemory.
func isDirect(category string, major int) bool {
	return category == "Other" || category == "Internal" && major == 8
}

func partName(category string) string {
	return strings.ReplaceAll(strings.ToLower(category), " ", "_")
}

func total(parts map[string]int64) int64 {
	var sum int64
	for _, bytes := range parts {
		sum += bytes
	}
	return sum
}

// nativeDetail adds up the parts of all JVMs. A part that is unknown in one JVM is
// contained in another part of that JVM.
func nativeDetail(jvms []nativeParts) []Detail {
	var details []Detail
	add := func(name string, always bool, of func(*nativeParts) *int64) *Detail {
		d := Detail{Name: name}
		for i := range jvms {
			if bytes := of(&jvms[i]); bytes != nil {
				d.Bytes = sum(d.Bytes, bytes)
			}
		}
		if d.Bytes != nil || always {
			details = append(details, d)
			return &details[len(details)-1]
		}
		return nil
	}
	internal := add(rows.JVMInternal, true, func(p *nativeParts) *int64 { return p.internal })
	categories := make(map[string]int64)
	for _, p := range jvms {
		for name, bytes := range p.categories {
			categories[name] += bytes
		}
	}
	if internal.Bytes != nil {
		internal.Detail = sorted(categories)
	}
	add(rows.DirectBuffers, true, func(p *nativeParts) *int64 { return p.direct })
	add(rows.Untracked, true, func(p *nativeParts) *int64 { return p.untracked })
	add(rows.AllocatorRetained, true, func(p *nativeParts) *int64 { return p.retained })
	add(rows.Malloc, false, func(p *nativeParts) *int64 { return p.malloc })
	add(rows.Mmap, false, func(p *nativeParts) *int64 { return p.mmap })
	return details
}

func sum(a, b *int64) *int64 {
	if a == nil {
		return b
	}
	return new(*a + *b)
}

// sorted returns the parts as details, the largest first.
func sorted(parts map[string]int64) []Detail {
	details := make([]Detail, 0, len(parts))
	for name, bytes := range parts {
		if bytes != 0 {
			details = append(details, Detail{Name: name, Bytes: new(bytes)})
		}
	}
	slices.SortFunc(details, func(a, b Detail) int {
		if *a.Bytes != *b.Bytes {
			return cmp.Compare(*b.Bytes, *a.Bytes)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return details
}
