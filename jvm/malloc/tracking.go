package malloc

import "encoding/binary"

// Headers is the kind of header that HotSpot's Native Memory Tracking puts before each
// block that it mallocs.
type Headers uint8

const (
	// NoHeaders is found where NMT is off, or this is no HotSpot.
	NoHeaders Headers = iota
	// Short headers are those of JDK 8 and 11: size, 64 bits; category, 8 bits; position
	// and bucket of the allocation site, 16 and 40 bits. NMT sets the latter two only if it
	// is detailed: else they are what was there before, mostly 0.
	Short
	// Canaries are those of JDK 17 and newer: size, 64 bits; site or marker, 32 bits;
	// category, 8 bits; a byte; a canary, 16 bits. 2 bytes follow the block.
	Canaries
	headerKinds
)

const (
	trackingHeader = 16
	trackingFooter = 2
	canary         = 0xE99E
	// maxBuckets is more than MallocSiteTable has.
	maxBuckets = 5000
	// maxCategories is more than HotSpot has.
	maxCategories = 64
	// canaryFeature is the JDK from which on headers have a canary.
	canaryFeature = 17
)

// JVM is what is known of the JVM whose blocks are divided.
type JVM struct {
	Feature int // of the JDK; 0: unknown
	// NMT is the level of Native Memory Tracking: what it reports, or the flag
	// NativeMemoryTracking; "": unknown.
	NMT string
}

// mayHave reports whether NMT puts such headers before the blocks of this JVM.
func (j JVM) mayHave(h Headers) bool {
	switch {
	case j.NMT == "off":
		return false
	case h == Canaries: // nothing else looks like it
		return j.Feature == 0 || j.Feature >= canaryFeature
	default: // others, as SQLite, put the size before their blocks, too
		return j.Feature < canaryFeature && j.NMT != ""
	}
}

// Category is what HotSpot allocated for one purpose.
type Category struct {
	Blocks int64
	// Bytes is what HotSpot asked for, as in VM.native_memory: without headers.
	Bytes int64
	// ResidentBytes of the blocks include the headers of NMT and of malloc.
	ResidentBytes int64
}

// Split divides the blocks in use by the headers that NMT put into them. Its zero value is
// ready. The categories are HotSpot's own numbers (MEMFLAGS, MemTag), which differ by JDK.
type Split struct {
	kinds [headerKinds][maxCategories]Category
	// found and inUse count blocks: found only those that leave no doubt.
	found         [headerKinds]int64
	inUse         int64
	residentBytes int64
}

// Add adds a block: only those in use count.
func (s *Split) Add(b *Block) {
	if b.State != InUse {
		return
	}
	s.inUse++
	s.residentBytes += b.ResidentBytes
	for kind := Short; kind < headerKinds; kind++ {
		category, size, ok := kind.Parse(b)
		if !ok {
			continue
		}
		if kind != Short || binary.LittleEndian.Uint64(b.Head[8:])>>24 < maxBuckets {
			s.found[kind]++
		}
		c := &s.kinds[kind][category]
		c.Blocks++
		c.Bytes += int64(size)
		c.ResidentBytes += b.ResidentBytes
	}
}

// Result is what the blocks in use are.
type Result struct {
	Headers Headers
	// Categories by their number.
	Categories []Category
	// UntrackedBlocks have no header: they are of libraries or, without Headers, also of
	// HotSpot.
	UntrackedBlocks, UntrackedResidentBytes int64
}

// Result decides which of the headers that this JVM may have there are, by how many blocks
// have them.
func (s *Split) Result(j JVM) Result {
	r := Result{UntrackedBlocks: s.inUse, UntrackedResidentBytes: s.residentBytes}
	switch {
	case j.mayHave(Canaries) && s.found[Canaries] > 16:
		r.Headers = Canaries
	case j.mayHave(Short) && s.found[Short] > s.inUse/20:
		r.Headers = Short
	default:
		return r
	}
	r.Categories = s.kinds[r.Headers][:]
	for _, c := range r.Categories {
		r.UntrackedBlocks -= c.Blocks
		r.UntrackedResidentBytes -= c.ResidentBytes
	}
	return r
}

// Parse returns what the header of a block says; ok: it has one. The size must fit the
// block, as memory that was used again may hold an old header.
func (h Headers) Parse(b *Block) (category uint8, size uint64, ok bool) {
	if len(b.Head) < trackingHeader {
		return 0, 0, false
	}
	size = binary.LittleEndian.Uint64(b.Head)
	if size == 0 || size > b.Bytes { // HotSpot asks for 1 byte at least; and no sum below overflows
		return 0, 0, false
	}
	switch h {
	case Canaries:
		category = b.Head[12]
		ok = binary.LittleEndian.Uint16(b.Head[14:]) == canary && b.fits(trackingHeader+size+trackingFooter)
	case Short:
		category = b.Head[8]
		ok = b.fits(trackingHeader + size)
	}
	return category, size, ok && category < maxCategories
}

// fits reports whether malloc returns such a block for that many bytes. It may give 16
// more than needed, where they are too few for a chunk, and rounds mmapped ones up to
// pages.
func (b *Block) fits(bytes uint64) bool {
	if b.end > 0 { // classes differ by a fifth at most, but the smallest by 16
		usable := b.end - b.Addr
		return usable >= bytes && usable-bytes < max(usable/4, 16)
	}
	if b.Arena == 0 {
		return b.Bytes >= bytes+chunkHeader && b.Bytes < bytes+2*b.page
	}
	need := max(alignUp(bytes+8, 16), 2*chunkHeader)
	return b.Bytes == need || b.Bytes == need+16
}
