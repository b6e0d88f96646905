package jvm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/threads"
)

// pageSource tells which pages are resident: pages.Scan, or pages.Pagemap where the
// kernel has no scan.
type pageSource interface {
	pageCounter
	malloc.Pages
}

// Walk counts the resident pages by the names that the last Ask and HotSpot's own
// tables give them, and the threads. again is true if memory came up since that only
// the JVM can name: Ask, then Walk again.
func (p *Process) Walk(f *Facts) (again bool, err error) {
	defer f.clean()
	told := len(f.Sources)
	p.counted = counted{}
	p.nameRanges(f)
	dir := filepath.Join(p.proc, strconv.Itoa(p.status.PID))
	pagemap, pagemapErr := pages.OpenPagemap(filepath.Join(dir, "pagemap"))
	if pagemapErr == nil {
		defer pagemap.Close()
	}
	source, err := p.readMappings(dir, pagemap)
	if err != nil {
		if err = proc.Gone(p.status.PID, err); errors.Is(err, ErrGone) {
			return false, err
		}
		f.failed(SourceSmaps, err, p.fix(err))
		return false, p.walkThreads(f, nil)
	}
	f.worked(SourceSmaps)

	if p.tmpfs == nil || p.renew() {
		if p.tmpfs, err = proc.Tmpfs(p.proc, p.status.PID); err != nil {
			return false, err
		}
	}
	l := layout{tmpfs: p.tmpfs}
	switch {
	case errors.Is(proc.Gone(p.status.PID, pagemapErr), ErrGone):
		return false, ErrGone
	case pagemapErr != nil:
		f.failed(SourcePagemap, fmt.Errorf("mappings of several kinds are not split: %w", pagemapErr), p.fix(pagemapErr))
	default:
		l.pages = source
		f.worked(SourcePagemap)
	}
	l.ranges = p.nameMappings(f, source)
	l.place(p.mappings)
	if l.err != nil {
		f.failed(SourcePagemap, l.err, "")
	}
	f.Resident, f.SwapBytes = l.resident, l.swap
	p.readHeapFile(f, dir)
	// The mappings of a process that dies end at any of them.
	if !proc.HasMemory(p.proc, p.status.PID) {
		return false, fmt.Errorf("process %d: %w", p.status.PID, ErrGone)
	}

	again = p.unnamed.grew(l.resident[ranges.Unknown].AnonBytes)
	if again {
		p.answers.nodes, p.answers.virtual = nil, nil
	}
	p.info.walk(l.resident)
	if err := p.walkThreads(f, l.stacks); err != nil {
		return false, err
	}
	if !again {
		p.counted = counted{facts: *f, sources: slices.Clone(f.Sources[told:]), stacks: l.stacks, status: p.status, started: p.started}
	}
	return again, nil
}

// readMappings reads the mappings with what is resident in them, by a scan or, on
// kernels without one, from smaps. pagemap may be nil, and then source is.
func (p *Process) readMappings(dir string, pagemap *pages.Pagemap) (source pageSource, err error) {
	// smaps and the cgroup do not count explicit huge pages, a scan does.
	if pagemap != nil && !p.noScan && p.status.HugetlbBytes == 0 {
		if err := p.readFile(filepath.Join(dir, "maps"), p.reader.ReadMaps); err != nil {
			return nil, err
		}
		err := p.scan.Read(pagemap, p.mappings)
		if err == nil {
			return &p.scan, nil
		}
		p.noScan = errors.Is(err, pages.ErrNoScan)
		if !p.noScan && !errors.Is(err, pages.ErrScattered) {
			return nil, err
		}
	}
	if err := p.readFile(filepath.Join(dir, "smaps"), p.reader.Read); err != nil {
		return nil, err
	}
	if pagemap != nil {
		source = pagemap
	}
	return source, nil
}

func (p *Process) readFile(name string, read func(io.Reader, func(*pages.Mapping)) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	p.mappings = p.mappings[:0]
	if err := read(file, func(m *pages.Mapping) { p.mappings = append(p.mappings, *m) }); err != nil {
		return err
	}
	if len(p.mappings) == 0 { // the process has no memory any more
		return ErrGone
	}
	return nil
}

// unnamed watches the anonymous memory that no range covers, in bytes. When it
// grows, the JVM has mapped something new.
type unnamed struct {
	known int64 // so much has no name, whomever is asked
	last  int64 // of the last walk
	asked bool  // because of what the last walk found
	seen  bool
}

// grew reports whether to ask the JVM again. What came since it was asked may be
// in now: only what asking left as it was has no name.
func (u *unnamed) grew(now int64) (ask bool) {
	settled := u.asked && distance(now, u.last) <= sameBytes
	if !u.seen || now < u.known || settled {
		u.known = now
	}
	u.seen, u.last = true, now
	u.asked = now > u.known+staleBytes
	return u.asked
}

// maxClasses bounds the classes by which metaspace is found: 1 µs each.
const maxClasses = 20_000

const (
	// staleBytes is how much unnamed memory makes the JVM be asked again.
	staleBytes = 1 << 20
	// sameBytes is how far it may move by itself between two walks. The smallest
	// thing that asking names is larger.
	sameBytes = 256 << 10
)

func (p *Process) walkThreads(f *Facts, stacks map[int]int64) error {
	list := p.threads.Last()
	// As many as before, and no Java thread is new: they are the same, but for one of
	// the JVM's own that took the place of another.
	if !p.sameThreads || p.renew() || len(list) != p.status.Threads {
		var err error
		if list, err = p.threads.Read(p.proc, p.status.PID); err != nil {
			return err
		}
	}
	f.Threads.Live = len(list)
	f.Threads.Pools = threads.Pools(list, p.hostThreads(list, stacks))
	return nil
}
