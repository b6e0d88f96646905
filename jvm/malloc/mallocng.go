package malloc

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/jvmem/jvmem/jvm/ranges"
)

const (
	// Where in struct malloc_context, behind the secret, is whether it is in use, and the
	// first area of descriptors.
	contextReady, contextAreas, contextBytes = 8, 56, 64
	// An area (struct meta_area) begins with the secret, the next area, and the number of
	// descriptors (struct meta) that follow.
	areaNext, areaCount, areaDescriptors = 8, 16, 24
	metaBytes                            = 40
	maxMetas                             = (pageSize - areaDescriptors) / metaBytes
	// maxAreas and maxGroups bound what is kept: 1 and 10 MiB.
	maxAreas, maxGroups = 32 << 10, 256 << 10

	unit       = 16
	slotHeader = 4 // bytes before a block, and at the end of each slot
	// The second of these bytes has the number of the slot and, in its upper 3 bits, how many
	// bytes at the end are not used. From 5 on it means that the last four have their number,
	// that it has a group, or that the block begins later.
	inLast, nested, moved = 5, 6, 7
)

// content is what a slot has.
type content uint8

const (
	unknown content = iota
	aBlock
	aGroup
)

// mallocng reads the structures of musl's malloc (src/malloc/mallocng/meta.h), from musl 1.2.1 on.
// Memory is divided into groups of up to 32 slots of equal size, each with a descriptor, which
// has masks of the slots that are free. Descriptors are in pages of their own, which form a
// list from a variable of the library on; each begins with the same secret number. A slot may
// have a group of smaller ones.
type mallocng struct {
	*walker
	secret, first uint64
	groups        []group // sorted
}

// group is what a descriptor says.
type group struct {
	mem, meta      uint64
	free           uint32 // slots
	slots          uint32
	stride, mapped uint64 // mapped: bytes, if it is not in a slot of another group
}

// slotUnits are the sizes of slots by class.
func slotUnits(class uint64) uint64 {
	return [...]uint64{
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 31, 36, 42, 50, 63, 72, 84, 102, 127, 146, 170, 204, 255,
		292, 340, 409, 511, 584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
	}[class]
}

const slotClasses = 48

func (g *group) slot(i uint64) uint64 { return g.mem + unit + i*g.stride }

func (g *group) end() uint64 { return max(g.slot(uint64(g.slots)), g.mem+g.mapped) }

// find finds the variables of malloc: a secret that the page it leads to begins with.
func (g *mallocng) find(library []ranges.Range) bool {
	for _, r := range library {
		g.eachWord(r.Start, min(r.End, r.Start+maxVariables), func(at, word uint64) bool {
			b := g.nearby(at, contextBytes)
			if b == nil || binary.LittleEndian.Uint32(b[contextReady:]) != 1 {
				return g.err == nil
			}
			area := binary.LittleEndian.Uint64(b[contextAreas:])
			if area == 0 || area%pageSize != 0 || area >= userLimit || g.word(area) != word {
				return g.err == nil
			}
			g.secret, g.first = word, area
			return false
		})
		if g.secret != 0 {
			return true
		}
	}
	return false
}

// readGroups reads the descriptors of all groups.
func (g *mallocng) readGroups() {
	areas := make(map[uint64]bool)
	for area := g.first; area != 0 && area%pageSize == 0 && area < userLimit && !areas[area] && g.err == nil; {
		b := slices.Clone(g.nearby(area, pageSize))
		if b == nil || binary.LittleEndian.Uint64(b) != g.secret {
			break
		}
		if len(areas) == maxAreas {
			g.err = ErrBudget
			break
		}
		areas[area] = true
		count := min(binary.LittleEndian.Uint32(b[areaCount:]), maxMetas)
		for i := range uint64(count) {
			at := areaDescriptors + i*metaBytes
			if found, ok := parseMeta(b[at:], area+at); ok {
				if len(g.groups) == maxGroups {
					g.err = ErrBudget
					return
				}
				g.groups = append(g.groups, found)
			}
		}
		area = binary.LittleEndian.Uint64(b[areaNext:])
	}
	g.forgetLinks()
	slices.SortFunc(g.groups, func(a, b group) int { return cmp.Compare(a.mem, b.mem) })
}

// parseMeta reads the descriptor in b, which lies at an address; ok: it is in use.
func parseMeta(b []byte, at uint64) (found group, ok bool) {
	found = group{mem: binary.LittleEndian.Uint64(b[16:]), meta: at}
	fields := binary.LittleEndian.Uint64(b[32:])
	last, class, pages := fields&31, fields>>6&63, fields>>12
	found.slots, found.free = uint32(last)+1, binary.LittleEndian.Uint32(b[24:])|binary.LittleEndian.Uint32(b[28:])
	if found.mem == 0 || found.mem%unit != 0 || found.mem >= userLimit || pages > (userLimit-found.mem)/pageSize {
		return found, false
	}
	found.mapped = pages * pageSize
	switch {
	case last == 0 && pages > 0:
		found.stride = found.mapped - unit
	case class < slotClasses:
		found.stride = unit * slotUnits(class)
	default:
		return found, false
	}
	return found, found.slot(last+1) <= userLimit
}

// leadsTo reports whether a group has the address of its descriptor.
func (g *mallocng) leadsTo(of *group) bool {
	b := g.nearby(of.mem, 8)
	return b != nil && binary.LittleEndian.Uint64(b) == of.meta
}

func (g *mallocng) used(yield func(start, end uint64)) {
	g.readGroups()
	for i := range g.groups {
		if of := &g.groups[i]; g.err == nil && g.leadsTo(of) {
			yield(of.mem, of.end())
		}
	}
}

func (g *mallocng) walk([]ranges.Range) {
	g.readGroups()
	for i := range g.groups {
		of := &g.groups[i]
		if g.err != nil {
			return
		}
		if !g.holds(of.mem, unit) {
			g.load(of.mem, min(of.mem+windowBytes, userLimit))
		}
		if g.word(of.mem) != of.meta || !g.refresh(of) { // it was freed, or begun, meanwhile
			g.totals.LostBytes += g.resident(of.mem, of.mem+of.mapped)
			continue
		}
		if of.mapped > 0 {
			g.totals.OwnBytes += g.resident(of.mem, of.mem+unit) + g.resident(of.slot(uint64(of.slots)), of.mem+of.mapped)
		}
		for i := range uint64(of.slots) {
			g.slot(of, i)
		}
	}
}

// refresh reads again which slots of a group are free. It reports whether it is still that
// group.
func (g *mallocng) refresh(of *group) bool {
	b := g.small[:metaBytes]
	if !g.spend() {
		return false
	}
	// Its page was resident, and descriptors are never unmapped.
	if n, _ := g.mem.ReadAt(b, int64(of.meta)); n < len(b) {
		return false
	}
	now, ok := parseMeta(b, of.meta)
	of.free = now.free
	return ok && now.mem == of.mem && now.slots == of.slots && now.stride == of.stride
}

// slot hands out the block in a slot. One that changes just now is read again.
func (g *mallocng) slot(of *group, i uint64) {
	for tries := 0; !g.content(of, i); tries++ {
		g.forget()
		if tries == retriesHere || g.retries == maxRetries || !g.refresh(of) {
			g.totals.LostBytes += g.resident(of.slot(i), of.slot(i+1))
			return
		}
		g.retries++
	}
}

// content hands out the block in a slot; false: it changes just now. The slots of a group that
// is in it are handed out later.
func (g *mallocng) content(of *group, i uint64) bool {
	start := of.slot(i)
	if of.free>>i&1 != 0 {
		g.hand(Block{Addr: start, Bytes: of.stride, State: Free, end: start + of.stride}, start)
		return true
	}
	g.hold(start-slotHeader, slotHeader, of.stride)
	addr, end, what := g.inSlot(of, i)
	switch what {
	case aBlock:
		n := min(end-addr, HeadBytes)
		b := Block{Addr: addr, Bytes: of.stride, State: InUse, end: end}
		if g.hold(addr, n, of.stride); g.holds(addr, n) {
			b.Head = g.at(addr, n)
		}
		g.hand(b, start)
	case aGroup:
		inside := g.groupAt(addr)
		if inside == nil {
			return g.err != nil
		}
		g.totals.OwnBytes += g.resident(start, start+of.stride) - g.resident(inside.slot(0), inside.slot(uint64(inside.slots)))
	default:
		return g.err != nil
	}
	return true
}

// hand hands out the block of a slot.
func (g *mallocng) hand(b Block, slot uint64) {
	if b.ResidentBytes = g.resident(slot, slot+b.Bytes); g.err == nil {
		g.block = b
		g.count()
	}
}

// hold makes the window have n bytes at an address in a slot of that size: of a large one only
// the beginning.
func (g *mallocng) hold(addr, n, stride uint64) {
	if g.holds(addr, n) {
		return
	}
	limit := addr + windowBytes
	if stride > windowBytes/4 {
		limit = addr + HeadBytes
	}
	g.load(addr, min(limit, userLimit))
}

// inSlot returns what a slot that is in use has, and where that ends.
func (g *mallocng) inSlot(of *group, i uint64) (addr, end uint64, what content) {
	addr = of.slot(i)
	end = addr + of.stride - slotHeader
	head := g.read(addr-slotHeader, slotHeader)
	if head != nil && head[1] == moved<<5 {
		if addr += unit * uint64(binary.LittleEndian.Uint16(head[2:])); addr >= end {
			return 0, 0, unknown
		}
		head = g.read(addr-slotHeader, slotHeader)
	}
	if head == nil || uint64(head[1]&31) != i {
		return 0, 0, unknown
	}
	unused := uint64(head[1] >> 5)
	switch unused {
	case nested:
		return addr, end, aGroup
	case moved:
		return 0, 0, unknown
	case inLast:
		b := g.read(end-4, 4)
		if b == nil {
			return 0, 0, unknown
		}
		unused = uint64(binary.LittleEndian.Uint32(b))
	}
	if unused > end-addr {
		return 0, 0, unknown
	}
	return addr, end - unused, aBlock
}

// groupAt returns the group at an address, nil if there is none.
func (g *mallocng) groupAt(addr uint64) *group {
	i, found := slices.BinarySearchFunc(g.groups, addr, func(o group, a uint64) int { return cmp.Compare(o.mem, a) })
	if !found || g.word(addr) != g.groups[i].meta {
		return nil
	}
	return &g.groups[i]
}

func (g *mallocng) blockAt(addr uint64) uint64 {
	if addr%unit != 0 || addr < pageSize || addr >= userLimit {
		return 0
	}
	head := g.nearby(addr-2*slotHeader, 2*slotHeader)
	if head == nil {
		return 0
	}
	offset, i := uint64(binary.LittleEndian.Uint16(head[6:])), uint64(head[5]&31)
	if head[4] != 0 { // it is aligned, and far from the beginning of its group
		offset = uint64(binary.LittleEndian.Uint32(head))
	}
	if offset >= addr/unit {
		return 0
	}
	mem := addr - unit*(offset+1)
	b := g.nearby(mem, 8)
	if b == nil {
		return 0
	}
	meta := binary.LittleEndian.Uint64(b)
	area := meta &^ (pageSize - 1)
	if b = g.nearby(area, pageSize); b == nil || binary.LittleEndian.Uint64(b) != g.secret || meta-area > pageSize-metaBytes {
		return 0
	}
	of, ok := parseMeta(b[meta-area:], meta)
	if !ok || of.mem != mem || i >= uint64(of.slots) || of.free>>i&1 != 0 {
		return 0
	}
	if found, _, what := g.inSlot(&of, i); what != aBlock || found != addr {
		return 0
	}
	return of.stride
}
