package pages

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Categories of pages (include/uapi/linux/fs.h, PAGE_IS_*).
const (
	pageIsFile    = 1 << 2
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4
	pageIsZero    = 1 << 5 // the shared zero page, small or huge: charged to no cgroup
	pageIsGuard   = 1 << 8 // MADV_GUARD_INSTALL (Linux 6.13); reported since 6.15
)

// run is pages of the same categories (struct page_region).
type run struct{ start, end, categories uint64 }

func (r run) anonymous() bool {
	return r.categories&(pageIsPresent|pageIsFile|pageIsZero) == pageIsPresent
}

func (r run) file() bool {
	return r.categories&(pageIsPresent|pageIsFile|pageIsZero) == pageIsPresent|pageIsFile
}

// scanArguments is struct pm_scan_arg.
type scanArguments struct {
	size, flags, start, end, walkEnd uint64
	vector, vectorLength, maxPages   uint64
	inverted, mask, anyOf, returned  uint64
}

const (
	pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)
	// piecePages is the number of pages walked under one hold of mmap_lock: 8 MiB, 0.1 ms; a
	// quarter of it where each page is checked. In piecePause other threads can take the
	// lock.
	piecePages = 2048
	filePages  = piecePages / 4
	piecePause = 100 * time.Microsecond
	// usualSlack is by how much Linux lets a timer be late unless told otherwise.
	usualSlack = 50 * time.Microsecond
	// pieceRuns is how many runs one call may return.
	pieceRuns = 512
	// maxRuns bounds what is kept, 3 MiB: only memory with holes all over has more.
	maxRuns = 1 << 17
)

var (
	// ErrNoScan means that this kernel cannot scan page tables with all that is needed:
	// read smaps instead.
	ErrNoScan = errors.New("the kernel has no PAGEMAP_SCAN, or one that does not report guard regions")
	// ErrScattered means that the resident pages are too scattered to be kept.
	ErrScattered = errors.New("the resident pages are too scattered")
)

// Scan reports which pages of a process are resident, from one walk through its page tables
// (ioctl PAGEMAP_SCAN, Linux 6.7; Documentation/admin-guide/mm/pagemap.rst). Unlike
// smaps it holds mmap_lock for some 50 µs at a time, and skips memory that is reserved
// but unused. It has the methods of Pagemap. Not safe for concurrent use.
type Scan struct {
	runs     []run
	pageSize uint64
	wanted   uint64 // categories
}

// Span is the half-open address range [Start, End).
type Span struct{ Start, End uint64 }

// Read walks the page tables of a process and adds the resident pages to its mappings,
// which were just read from maps, except for anonymous memory in skip (sorted). After ErrNoScan and ErrScattered, use smaps. The
// buffers are reused.
//
// To distinguish a file's pages from copied ones, the kernel inspects each page itself,
// which takes ten times as long as reading its page table entry. So this is requested
// only where a mapping may have both.
func (s *Scan) Read(pagemap *Pagemap, mappings []Mapping, skip []Span) error {
	s.begin()
	for i := 0; i < len(mappings); {
		k := pagesOf(&mappings[i])
		end := i + 1
		for end < len(mappings) && (pagesOf(&mappings[end]) == k || k == both && smallAnonymous(&mappings[end])) {
			end++
		}
		at, until := mappings[i].Start, mappings[end-1].End
		if k == kernels {
			at = until
		}
		for _, span := range skip {
			if k == anonymous && span.Start < until && span.End > at {
				if err := s.walk(pagemap.file, at, span.Start, k); err != nil {
					return err
				}
				at = span.End
			}
		}
		if err := s.walk(pagemap.file, at, until, k); err != nil {
			return err
		}
		i = end
	}
	s.fill(mappings)
	return nil
}

// Private returns how many bytes of private pages are resident in the spans (sorted), which hold no pages
// of files, whether they are mapped or not. Errors are those of Read.
func (s *Scan) Private(pagemap *Pagemap, spans []Span) (bytes int64, err error) {
	s.begin()
	for _, span := range spans {
		if err := s.walk(pagemap.file, span.Start, span.End, anonymous); err != nil {
			return 0, err
		}
	}
	for _, r := range s.runs {
		if r.anonymous() {
			bytes += int64(r.end - r.start)
		}
	}
	return bytes, nil
}

// Beside appends the parts of a span of the last Read or Private that are no run of private pages of
// at least so many bytes, and returns how many bytes these runs have.
func (s *Scan) Beside(rest []Span, span Span, least uint64) (_ []Span, bytes int64) {
	at := span.Start
	s.within(span.Start, span.End, func(r run) {
		if !r.anonymous() || r.end-r.start < least {
			return
		}
		if r.start > at {
			rest = append(rest, Span{at, r.start})
		}
		bytes += int64(r.end - r.start)
		at = r.end
	})
	if at < span.End {
		rest = append(rest, Span{at, span.End})
	}
	return rest, bytes
}

func (s *Scan) begin() {
	s.runs = s.runs[:0]
	if s.wanted == 0 {
		s.pageSize, s.wanted = uint64(os.Getpagesize()), pageIsPresent|pageIsSwapped
		// From 6.13 on a guard page is reported as swapped unless both categories are
		// requested.
		if hasGuards() {
			s.wanted |= pageIsGuard
		}
	}
}

// content is the kinds of pages that a mapping may have.
type content uint8

const (
	anonymous content = iota
	files             // or shared memory
	both              // a private mapping of a file
	kernels           // [vsyscall] and the like: ignored
)

func pagesOf(m *Mapping) content {
	switch {
	case m.Special():
		return kernels
	case m.Perm&Shared != 0, m.Inode != 0 && m.Perm&(Write|Exec) == Exec: // code that is written is copied
		return files
	case m.Inode == 0: // also [heap] and [stack]
		return anonymous
	}
	return both
}

// smallAnonymous reports whether a mapping between those of libraries, as for their
// variables, is too small for a call of its own.
func smallAnonymous(m *Mapping) bool {
	return pagesOf(m) == anonymous && m.End-m.Start < 256<<10
}

func (s *Scan) walk(pagemap *os.File, start, end uint64, k content) error {
	arguments := scanArguments{maxPages: piecePages, anyOf: s.wanted, returned: s.wanted | pageIsZero, vectorLength: pieceRuns}
	arguments.size = uint64(unsafe.Sizeof(arguments))
	if k == both {
		arguments.returned |= pageIsFile
		arguments.maxPages = filePages
	}
	for at := start; at < end; {
		if at > start {
			pause()
		}
		if len(s.runs) > maxRuns-pieceRuns {
			return ErrScattered
		}
		s.runs = slices.Grow(s.runs, pieceRuns)
		found := s.runs[len(s.runs):][:pieceRuns]
		arguments.start, arguments.end, arguments.vector = at, end, uint64(uintptr(unsafe.Pointer(&found[0])))
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, pagemap.Fd(), pagemapScan, uintptr(unsafe.Pointer(&arguments)))
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.ENOTTY, unix.EINVAL:
			return ErrNoScan
		default:
			return fmt.Errorf("scan %s: %w", pagemap.Name(), errno)
		}
		if arguments.walkEnd <= at || n > pieceRuns {
			return fmt.Errorf("scan %s: from %#x to %#x it found %d", pagemap.Name(), at, arguments.walkEnd, n)
		}
		if k == files {
			for i := range found[:n] {
				found[i].categories |= pageIsFile
			}
		}
		s.runs = s.runs[:len(s.runs)+int(n)]
		at = arguments.walkEnd
	}
	return nil
}

// pause lasts piecePause: time.Sleep takes a millisecond where nothing else runs, and so would this
// in a process with coarse timers.
func pause() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(usualSlack), 0, 0, 0) // of this thread, which others may use too
	t := unix.NsecToTimespec(int64(piecePause))
	_ = unix.Nanosleep(&t, nil) // a signal may end it early
}

// hasGuards reports whether the kernel knows guard regions.
func hasGuards() bool { return kernelIs(6, 13) }

// kernelIs reports whether the kernel is of that version or newer, or of an unknown one.
func kernelIs(major, minor int) bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return true
	}
	var m, n int
	found, _ := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &m, &n)
	return found < 2 || m > major || m == major && n >= minor
}

// fill adds up the runs of each mapping. Both are in the order of addresses.
func (s *Scan) fill(mappings []Mapping) {
	i := 0
	for k := range mappings {
		m := &mappings[k]
		for i < len(s.runs) && s.runs[i].end <= m.Start {
			i++
		}
		for j := i; j < len(s.runs) && s.runs[j].start < m.End; j++ {
			r := s.runs[j]
			bytes := int64(min(r.end, m.End) - max(r.start, m.Start))
			switch {
			case r.anonymous():
				m.RSSBytes += bytes
				m.AnonymousBytes += bytes
			case r.file():
				m.RSSBytes += bytes
			case r.categories&pageIsGuard != 0:
				m.Guarded = true
			case r.categories&pageIsSwapped != 0:
				m.SwapBytes += bytes
			}
		}
	}
}

// within calls yield for the part of each run that lies in [start, end).
func (s *Scan) within(start, end uint64, yield func(run)) {
	i, _ := slices.BinarySearchFunc(s.runs, start, func(r run, at uint64) int { return cmp.Compare(r.end, at+1) })
	for ; i < len(s.runs) && s.runs[i].start < end; i++ {
		r := s.runs[i]
		r.start, r.end = max(r.start, start), min(r.end, end)
		yield(r)
	}
}

// PageSize is as Pagemap's, after the first Read.
func (s *Scan) PageSize() uint64 { return s.pageSize }

// Resident is as Pagemap's, but does not count the huge zero page either.
func (s *Scan) Resident(start, end uint64) (anonymous, file int64, err error) {
	s.within(start, end, func(r run) {
		switch {
		case r.anonymous():
			anonymous += int64(r.end - r.start)
		case r.file():
			file += int64(r.end - r.start)
		}
	})
	return anonymous, file, nil
}

// Present is as Pagemap's.
func (s *Scan) Present(addr uint64) bool {
	present := false
	s.within(addr, addr+1, func(r run) { present = r.anonymous() })
	return present
}

// Pages is as Pagemap's.
func (s *Scan) Pages(start, end uint64, yield func(addr uint64)) error {
	s.within(start, end, func(r run) {
		if r.anonymous() {
			for addr := r.start &^ (s.pageSize - 1); addr < r.end; addr += s.pageSize {
				yield(addr)
			}
		}
	})
	return nil
}
