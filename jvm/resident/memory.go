package resident

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/jvmem/jvmem/jvm/malloc"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// PageSource reports which pages are resident: pages.Scan, or pages.Pagemap where the
// kernel has no PAGEMAP_SCAN.
type PageSource interface {
	PageCounter
	malloc.Pages
}

// Memory reads the mappings of one process repeatedly, and keeps its buffers. Not safe
// for concurrent use.
type Memory struct {
	reader   pages.Reader
	mappings []pages.Mapping
	scan     pages.Scan
	noScan   bool // the kernel has none
	skipped  bool // by the last Read
}

// Read returns the mappings with their resident pages, valid until the next Read:
// by a scan or, on kernels without one, from smaps. Mappings of data files are joined. dir is a
// /proc/<pid>. pagemap may be nil, and then source is nil. usesHugetlb: the process has explicit
// huge pages, which smaps and the cgroup do not count, but a scan does. Anonymous memory in skip
// need not be read: it then seems not to be resident, see Skipped. proc.ErrGone: the process
// no longer has memory.
func (m *Memory) Read(dir string, pagemap *pages.Pagemap, usesHugetlb bool, skip []pages.Span) (mappings []pages.Mapping, source PageSource, err error) {
	m.skipped = false
	if pagemap != nil && !m.noScan && !usesHugetlb {
		if err := m.readFile(filepath.Join(dir, "maps"), m.reader.ReadMaps); err != nil {
			return nil, nil, err
		}
		err := m.scan.Read(pagemap, m.mappings, skip)
		if err == nil {
			m.skipped = len(skip) > 0
			return m.mappings, &m.scan, nil
		}
		m.noScan = errors.Is(err, pages.ErrNoScan)
		if !m.noScan && !errors.Is(err, pages.ErrScattered) {
			return nil, nil, err
		}
	}
	if err := m.readFile(filepath.Join(dir, "smaps"), m.reader.Read); err != nil {
		return nil, nil, err
	}
	if pagemap != nil {
		source = pagemap
	}
	return m.mappings, source, nil
}

// Mappings returns those of the last Read.
func (m *Memory) Mappings() []pages.Mapping { return m.mappings }

// Skipped reports whether the last Read skipped memory.
func (m *Memory) Skipped() bool { return m.skipped }

func (m *Memory) readFile(name string, read func(io.Reader, func(*pages.Mapping)) error) error {
	file, err := proc.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	m.mappings = m.mappings[:0]
	if err := read(file, m.add); err != nil {
		return err
	}
	if len(m.mappings) == 0 {
		return proc.ErrGone
	}
	return nil
}

// add adds a mapping, or joins it to the one before. A server may map tens of thousands of
// files.
func (m *Memory) add(mapping *pages.Mapping) {
	if n := len(m.mappings); n > 0 && m.mappings[n-1].End == mapping.Start && ranges.Alike(&m.mappings[n-1], mapping) {
		m.mappings[n-1].Join(mapping)
		return
	}
	m.mappings = append(m.mappings, *mapping)
}
