package owners

import (
	"compress/gzip"
	"encoding/gob"
	"flag"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

var (
	recordPID = flag.Int("record-pid", 0, "the PID of testdata/leak.c, which TestImage records")
	recordTo  = flag.String("record-to", "", "file that gets the recording")
)

const (
	leakImage = "testdata/leak-glibc-2.36.gz"
	pageSize  = 4096 // of the recordings
)

// recording is what a search reads of a process.
type recording struct {
	Mappings []pages.Mapping
	Memory   map[uint64][]byte // pages
	Resident map[uint64]bool   // those that are private
}

// TestImage names the owners in the recorded memory of testdata/leak.c.
func TestImage(t *testing.T) {
	if *recordPID > 0 {
		record(t)
	}
	file, err := os.Open(leakImage)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var i recording
	zip, err := gzip.NewReader(file)
	if err == nil {
		err = gob.NewDecoder(zip).Decode(&i)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := i.find(t, &i, &i)
	if !r.Complete || len(r.Owners) != 2 || !r.Owners[1].Mapped || r.Owners[1].Relation != NotNamed {
		t.Fatalf("%+v", r)
	}
	// Objects with a callback, their buffers, and a list.
	if o := r.Owners[0]; o.Library != "libleak.so" || o.Symbol != "on_data" || o.Global != "all_orders" || o.Blocks != 900 || o.Agreement < 1 {
		t.Errorf("%+v", o)
	}
}

// find names the owners of all blocks in use.
func (i *recording) find(t *testing.T, source io.ReaderAt, pages residency) *Report {
	t.Helper()
	p := &process{memory: newMemory(source, pages, DefaultBudget()), mappings: i.Mappings, details: make(map[uint64]string), status: proc.Status{PID: 1}}
	p.libraries = findLibraries(p.mappings, p.memory)
	err := p.locate(ranges.Reported{})
	if err == nil {
		err = p.probe()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.find(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ReadAt reads what was recorded.
func (i *recording) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		addr := uint64(at) + uint64(n)
		page := i.Memory[addr&^(pageSize-1)]
		if page == nil {
			return n, io.EOF
		}
		n += copy(b[n:], page[addr%pageSize:])
	}
	return n, nil
}

func (i *recording) PageSize() uint64 { return pageSize }

func (i *recording) Present(addr uint64) bool { return i.Resident[addr&^(pageSize-1)] }

func (i *recording) Pages(start, end uint64, yield func(addr uint64)) error {
	var list []uint64
	for addr := range i.Resident {
		if addr+pageSize > start && addr < end {
			list = append(list, addr)
		}
	}
	slices.Sort(list)
	for _, addr := range list {
		yield(addr)
	}
	return nil
}

func (i *recording) SharedPages(uint64, uint64, func(uint64)) error { return nil }

// recorder is a process whose memory is recorded as it is read.
type recorder struct {
	*process
	into *recording
}

func (r recorder) ReadAt(b []byte, at int64) (int, error) {
	for addr := uint64(at) &^ (pageSize - 1); addr < uint64(at)+uint64(len(b)); addr += pageSize {
		page := make([]byte, pageSize)
		if n, _ := r.source.ReadAt(page, int64(addr)); n == pageSize {
			r.into.Memory[addr] = page
		}
	}
	return r.source.ReadAt(b, at)
}

func (r recorder) PageSize() uint64 { return pageSize }

func (r recorder) Present(addr uint64) bool {
	is := r.pages.Present(addr)
	if is {
		r.into.Resident[addr&^(pageSize-1)] = true
	}
	return is
}

func (r recorder) Pages(start, end uint64, yield func(addr uint64)) error {
	return r.pages.Pages(start, end, func(addr uint64) {
		r.into.Resident[addr] = true
		yield(addr)
	})
}

func (r recorder) SharedPages(uint64, uint64, func(uint64)) error { return nil }

// record writes an image of a running process.
func record(t *testing.T) {
	t.Helper()
	p, err := open(Target{"/proc", *recordPID}, DefaultBudget())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	i := recording{p.mappings, make(map[uint64][]byte), make(map[uint64]bool)}
	i.find(t, recorder{p, &i}, recorder{p, &i})
	file, err := os.Create(*recordTo)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err = gob.NewEncoder(zip).Encode(i); err == nil {
		err = zip.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
