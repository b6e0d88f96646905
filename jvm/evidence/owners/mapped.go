package owners

import (
	"cmp"
	"slices"
)

const (
	// mappedCategory marks the kinds of memory that is not malloc's. Without a target it is
	// all that has no name: of a library, or tables of HotSpot.
	mappedCategory = -1
	// maxMappedPages bounds the pages whose beginning is read: 1 µs each.
	maxMappedPages = 16 << 10
	// mappedHead of a page are searched for a telling pointer, minMapped pages need to have
	// the same.
	mappedHead, minMapped = 64, 8
)

// mappedBlock is a page that begins with a telling pointer.
type mappedBlock struct {
	addr, end uint64 // end of its span
	key       key
}

// countMapped adds the memory that libraries mmapped themselves. The kernel joins adjacent
// mappings, so a block is recognized by its first words: where many have the same pointer
// into a library. It ends at the next, or is as long as most of them. What is left is counted
// as far as it is resident, since HotSpot reserves more for its tables than it uses.
func (p *process) countMapped(c *counter) {
	var unnamed Amount
	blocks := make(map[key][]mappedBlock)
	head := make([]byte, mappedHead)
	left := maxMappedPages
	for _, span := range p.unknown {
		before := unnamed.ResidentBytes
		p.resident(span.Start, span.End, false, func(start, end uint64) {
			unnamed.ResidentBytes += int64(end - start)
			for at := start; at < end && left > 0 && p.read(at, head) == len(head); at += p.page {
				left--
				target, offset := p.telling(head)
				if s := p.libraries.at(target); target == 0 || s.library.role != own || !s.code && !s.writable && !s.relocated {
					continue
				}
				k := key{target: target, offset: offset, category: mappedCategory}
				blocks[k] = append(blocks[k], mappedBlock{at, span.End, k})
			}
		})
		if unnamed.ResidentBytes > before {
			unnamed.Blocks++
		}
	}
	var all []mappedBlock
	size := make(map[key]uint64)
	for k, list := range blocks {
		if len(list) >= minMapped {
			all = append(all, list...)
			size[k] = usualDistance(list)
		}
	}
	slices.SortFunc(all, func(a, b mappedBlock) int { return cmp.Compare(a.addr, b.addr) })
	for i, b := range all {
		end := min(b.end, b.addr+size[b.key])
		if i+1 < len(all) {
			end = min(end, all[i+1].addr)
		}
		a := Amount{Blocks: 1, Bytes: int64(end - b.addr)}
		p.resident(b.addr, end, false, func(start, end uint64) { a.ResidentBytes += int64(end - start) })
		if c.kinds[b.key] == nil {
			c.kinds[b.key] = new(Amount)
		}
		c.kinds[b.key].add(a)
		unnamed.ResidentBytes -= a.ResidentBytes
	}
	if unnamed.Bytes = unnamed.ResidentBytes; unnamed.Bytes > 0 {
		c.kinds[key{category: mappedCategory}] = &unnamed
	}
}

// unnamed reports whether the kind is the memory that is neither malloc's nor known.
func (k key) unnamed() bool { return k == key{category: mappedCategory} }

// usualDistance returns the median distance of blocks, which are sorted.
func usualDistance(list []mappedBlock) uint64 {
	distances := make([]uint64, 0, len(list))
	for i := range list[1:] {
		distances = append(distances, list[i+1].addr-list[i].addr)
	}
	slices.Sort(distances)
	return distances[len(distances)/2]
}
