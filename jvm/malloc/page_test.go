package malloc

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestPageSizes: arm64 has pages of 4, 16 or 64 KiB.
func TestPageSizes(t *testing.T) {
	for _, page := range []uint64{4 << 10, 16 << 10, 64 << 10} {
		t.Run(fmt.Sprint(page), func(t *testing.T) {
			r := &recording{process: newProcess()}
			r.page = page
			inArena := len(r.arena(0x30, 512))
			// Chunks that malloc mmapped, whose blocks are aligned to 16 bytes and more.
			const tracked = 300_000 // bytes that NMT asked for
			at := uint64(base + HeapMax)
			from, want := at, []uint64{}
			for align := uint64(16); align <= 4*page; align *= 2 {
				gap := align - chunkHeader
				length := alignUp(gap+2*chunkHeader+trackingHeader+tracked+trackingFooter, page)
				r.put(at, 0, length|isMmapped)
				if gap > 0 {
					r.put((at + gap) &^ (pageSize - 1)) // resident
					r.set(at+gap, gap)
					r.set(at+gap+8, length-gap-chunkHeader|isMmapped)
				}
				user := at + align
				r.put(user &^ (pageSize - 1))
				r.set(user, tracked)
				r.set(user+8, canary<<48|1<<32)
				want = append(want, user)
				at += length
			}
			found, err := Find(r, r, Areas{}, []ranges.Range{span(base, at)})
			if err != nil || len(found) != 1+len(want) || found[1].Start != from || found[len(want)].End != at {
				t.Fatalf("%x, %v, want an arena and %d chunks up to %x", found, err, len(want), at)
			}
			r.areas.Found = found
			var split Split
			var got []uint64
			blocks := 0
			totals, err := Walk(r, r, r.areas, ample, func(b *Block) {
				split.Add(b)
				if b.Arena == 0 {
					got = append(got, b.Addr)
				} else if b.State == InUse {
					blocks++
				}
			})
			if err != nil || !totals.Complete() || !slices.Equal(got, want) || blocks != inArena {
				t.Errorf("%d blocks in the arena, want %d; %x, want %x; %+v, %v", blocks, inArena, got, want, totals, err)
			}
			checkSum(t, r, r.areas, totals)
			if c := split.kinds[Canaries][1]; c.Blocks != int64(len(want)) || c.Bytes != tracked*c.Blocks {
				t.Errorf("tracked: %+v", c)
			}
		})
	}
}
