package jvm

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// Blocks is what malloc's blocks were used for when they were last walked through
// (jvm/malloc). Sizes are resident bytes, with the headers of malloc and NMT.
type Blocks struct {
	Time          time.Time `json:"time,omitzero"`  // of the walk
	ResidentBytes int64     `json:"resident_bytes"` // of all malloc
	// FreeBytes were freed, or never handed out, or are malloc's own.
	FreeBytes int64 `json:"free_bytes"`
	// UntrackedBytes are in use and have no header of NMT: without Categories all that are.
	UntrackedBytes int64 `json:"untracked_bytes"`
	// Categories are HotSpot's own blocks, by the name of the category in NMT; nil: NMT is
	// off, or the names are unknown. All of its arenas are "Arena Chunk".
	Categories map[string]int64 `json:"categories,omitempty"`
	// SampledBytes of malloc's arenas were walked through, and stand for the SkippedBytes of
	// others: the sizes are estimates. 0: all were.
	SampledBytes int64 `json:"sampled_bytes,omitempty"`
	SkippedBytes int64 `json:"skipped_bytes,omitempty"`
	// OutsideBytes is what native code mapped otherwise, where ranges do not tell it from malloc:
	// with another allocator than glibc's.
	OutsideBytes int64 `json:"outside_bytes,omitempty"`
	// Report and Malloc are as those of the Facts at that time.
	Report *nmt.Report `json:"nmt_report,omitempty"`
	Malloc *Malloc     `json:"malloc,omitempty"`
}

// Outdated reports whether malloc's resident memory, now that size, changed so much since the
// walk that another one is due.
func (b *Blocks) Outdated(bytes int64) bool {
	return distance(bytes, b.ResidentBytes) > resident.MayMove(b.ResidentBytes)
}

// walked holds what a Process keeps of its walks. Only WalkBlocks writes it.
type walked struct {
	blocks   *Blocks  // of the last one that was complete; nil: there was none
	err      error    // of the last one
	failed   int      // how many failed in a row
	malloced malloced // by the count before it
	tried    bool
	at       time.Time // when
	silent   bool      // nothing reported what is freed and stays resident
	names    []string  // of NMT's categories, by number; nil: not known yet
}

const (
	// walkReads and walkTime bound a walk: a GiB takes up to 8000 reads.
	walkReads, walkTime = 1 << 18, 10 * time.Second
	// silentAge is how old a walk may become where nothing else tells that blocks were freed.
	silentAge = 10 * time.Minute
	// What a walk sees may differ from NMT's report by a tenth and differBytes; if it differs by
	// more, mostDiffering walks in a row are tried.
	differBytes, mostDiffering = 1 << 20, 8
	// walkBytes of arenas are walked through, a sample if there is more: 1 s of CPU time.
	walkBytes = 2 << 30
)

var (
	// errIncomplete means that a walk saw too little.
	errIncomplete = errors.New("they changed too much while they were read")
	// errHeaders means that the blocks are not those of NMT's report.
	errHeaders = errors.New("their headers are not those of NMT")
	// errDiffers means the same of their sizes, which may have changed since the report.
	errDiffers = errors.New("their sizes are not those that NMT reports")
)

// BlocksDue reports whether malloc's memory changed since its blocks were walked through,
// by the last count of pages and not by what NMT reports, whether too little was seen then, or
// whether it may have changed without being noticed: JDK 8 and 11 do not report what malloc has
// free.
func (p *Process) BlocksDue() bool {
	w, c := &p.walked, &p.counted
	moved := distance(c.malloced.ResidentBytes, w.malloced.ResidentBytes) > resident.MayMove(w.malloced.ResidentBytes) && !w.explained(c)
	again := errors.Is(w.err, errIncomplete) || errors.Is(w.err, errDiffers) && w.failed < mostDiffering
	return c.blocks && (!w.tried || moved || again || w.silent && time.Since(w.at) > silentAge)
}

// explained reports whether malloc's memory changed since the walk only by what NMT reports as
// allocated or freed by the JVM: that is then in its part without another walk. It is not if
// what malloc retains changed or is not known, or if its memory doubled.
func (w *walked) explained(c *counted) bool {
	was, now := w.malloced, c.malloced
	if w.err != nil || w.blocks == nil || w.blocks.Categories == nil || c.mixed {
		return false
	}
	if was.malloc == nil || now.malloc == nil { // JDK 8 and 11: what a library freed may be retained
		return false
	}
	return was.Explains(now.Malloced) && distance(now.malloc.FreeBytes, was.malloc.FreeBytes) <= resident.MayMove(was.ResidentBytes) &&
		now.ResidentBytes <= 2*was.ResidentBytes
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// WalkBlocks walks through malloc's blocks, and adds to f what it saw, as Reuse and Resident
// do from then on. f has to be of the last of these. A walk that is not complete is repeated
// once; then what the last complete one saw remains, and the source has the reason.
func (p *Process) WalkBlocks(f *Facts) {
	w := &p.walked
	w.tried, w.malloced, w.at, w.silent = true, p.counted.malloced, time.Now(), p.counted.mixed || f.Malloc == nil
	blocks, err := p.walkBlocks(f)
	if errors.Is(err, errIncomplete) {
		blocks, err = p.walkBlocks(f)
	}
	w.failed++
	if w.err = err; err == nil {
		w.failed = 0
		blocks.Time, blocks.Report, blocks.Malloc = time.Now(), f.Report, f.Malloc
		if p.counted.mixed {
			blocks.OutsideBytes = max(0, p.counted.malloced.ResidentBytes-blocks.ResidentBytes)
		}
		w.blocks = blocks
	}
	f.Sources = slices.DeleteFunc(slices.Clone(f.Sources), func(s Source) bool { return s.Name == SourceBlocks })
	f.reportBlocks(p)
}

func (p *Process) walkBlocks(f *Facts) (*Blocks, error) {
	pagemap, err := pages.OpenPagemap(filepath.Join(p.Dir(), "pagemap"))
	if err != nil {
		return nil, err
	}
	defer pagemap.Close()
	mem, err := proc.Open(filepath.Join(p.Dir(), "mem"))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	var split, sample malloc.Split
	totals, err := malloc.Walk(mem, pagemap, p.MallocAreas(), malloc.Budget{Reads: walkReads, Time: walkTime, Bytes: walkBytes}, func(b *malloc.Block) {
		if b.Sampled {
			sample.Add(b)
		} else {
			split.Add(b)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case totals.LostBytes > totals.Resident()/100: // what was not found is not counted as malloc's, either
		return nil, fmt.Errorf("%w: %d of %d bytes", errIncomplete, totals.LostBytes, totals.Resident())
	}
	split.AddSample(&sample, totals.Weight())
	b := &Blocks{
		ResidentBytes: totals.Resident(), FreeBytes: totals.Resident() - totals.ResidentBytes[malloc.InUse],
		SampledBytes: totals.SampledBytes, SkippedBytes: totals.SkippedBytes,
	}
	return b, p.nameCategories(b, split.Result(malloc.JVM{Feature: f.Major, NMT: f.NMT}), f)
}

// nameCategories divides what is in use.
func (p *Process) nameCategories(b *Blocks, result malloc.Result, f *Facts) error {
	b.UntrackedBytes = result.UntrackedResidentBytes
	switch {
	case result.Headers == malloc.NoHeaders && f.Report != nil:
		return errHeaders
	case result.Headers == malloc.NoHeaders:
		return nil
	}
	names, err := p.NMTCategories()
	if err != nil {
		return err
	}
	b.Categories = make(map[string]int64)
	var tracked int64
	for i, c := range result.Categories {
		switch {
		case c.Blocks == 0:
		case i < len(names):
			b.Categories[names[i]] += c.ResidentBytes
			tracked += c.Bytes
		default: // a header that is none
			b.UntrackedBytes += c.ResidentBytes
		}
	}
	if f.Report != nil && b.SampledBytes == 0 {
		if reported := f.Report.MallocedBytes(); distance(tracked, reported) > reported/10+differBytes {
			differs := fmt.Errorf("%w: %d MiB were found, %d MiB are reported", errDiffers, tracked>>20, reported>>20)
			if p.counted.mixed {
				return differs
			}
			return cmp.Or(p.counted.mallocErr, differs) // perhaps not all was found
		}
	}
	return nil
}

// MallocAreas says where malloc's blocks are, as of the last Resident.
func (p *Process) MallocAreas() malloc.Areas {
	return malloc.NewAreas(p.memory.Mappings(), p.counted.malloc)
}

// NMTCategories returns the names of NMT's categories by number, from HotSpot's own tables. A
// Query reads these the first time.
func (p *Process) NMTCategories() ([]string, error) {
	w := &p.walked
	if w.names == nil {
		if p.structs == nil {
			return nil, p.structsErr
		}
		names, err := p.structs.Categories()
		if err != nil {
			return nil, err
		}
		w.names = names
	}
	return w.names, nil
}

// otherAllocator returns the error that malloc is not glibc's; nil: it is another one.
func otherAllocator(err error) (other *ranges.OtherAllocatorError) {
	errors.As(err, &other)
	return other
}

// reportBlocks adds to the facts what the last walk saw. One that failed after a complete one
// is no news: it is repeated.
func (f *Facts) reportBlocks(p *Process) {
	w := &p.walked
	f.Blocks = w.blocks
	err := w.err
	if other := otherAllocator(p.counted.mallocErr); other != nil && !p.counted.blocks {
		err = other
	} else if !w.tried {
		return
	}
	if err != nil && (w.blocks == nil || w.failed != 1) {
		f.failed(SourceBlocks, fmt.Errorf("native is not split by malloc's blocks: %w", err), "")
		return
	}
	f.worked(SourceBlocks)
	if b := f.Blocks; b != nil && b.SampledBytes > 0 {
		const gib = 1 << 30
		f.Sources[len(f.Sources)-1].Reason = fmt.Sprintf("native is split by a sample of malloc's arenas: %.2f of %.2f GiB", float64(b.SampledBytes)/gib, float64(b.SampledBytes+b.SkippedBytes)/gib)
	}
}
