package vmstructs

import (
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// recordUnit makes a recording hold little more than what Open reads.
const recordUnit = 64

// piece is memory from an address on.
type piece struct {
	address uint64
	bytes   []byte
}

// recorder keeps what is read through it.
type recorder struct {
	source io.ReaderAt
	mu     sync.Mutex
	pieces []piece
}

func (r *recorder) ReadAt(buf []byte, offset int64) (int, error) {
	n, err := r.source.ReadAt(buf, offset)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pieces = append(r.pieces, piece{uint64(offset), slices.Clone(buf[:n])})
	return n, err
}

// join sorts pieces and joins those that touch.
func join(pieces []piece) []piece {
	pieces = slices.Clone(pieces)
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.address, b.address) })
	var out []piece
	for _, p := range pieces {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if end := last.address + uint64(len(last.bytes)); p.address <= end {
				if over := end - p.address; over < uint64(len(p.bytes)) {
					last.bytes = append(last.bytes, p.bytes[over:]...)
				}
				continue
			}
		}
		out = append(out, piece{p.address, slices.Clone(p.bytes)})
	}
	return out
}

// TestMain records a JVM instead of testing if the flags say so; see
// testdata/README.md.
func TestMain(m *testing.M) {
	pid := flag.Int("record-pid", 0, "the JVM to record")
	to := flag.String("record-to", "", "folder that gets memory.gz")
	flag.Parse()
	if *pid == 0 {
		os.Exit(m.Run())
	}
	if err := record(*pid, *to); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// record writes what Open, Read, Version and Flag of replayFlags read.
func record(pid int, to string) error {
	base, err := findMapped(pid, "libjvm.so")
	if err != nil {
		return err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer file.Close()
	rec := &recorder{source: file}
	r, err := open(rec, Options{Base: base, Flags: replayFlags()}, recordUnit, 1)
	if err != nil {
		return err
	}
	if _, err := r.Read(false); err != nil {
		return err
	}
	if _, err := r.Version(); err != nil {
		return err
	}
	for name := range r.flags {
		if _, err := r.Flag(name); err != nil {
			return err
		}
	}
	out, err := os.Create(filepath.Join(to, "memory.gz"))
	if err != nil {
		return err
	}
	defer out.Close()
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	fmt.Fprintf(zip, "base %x\n", base)
	for _, p := range join(rec.pieces) {
		fmt.Fprintf(zip, "%x %x\n", p.address, p.bytes)
	}
	return zip.Close()
}

// recording is memory.gz read back: an address space with holes.
type recording struct {
	base   uint64
	pieces []piece // sorted
}

// loadRecording reads testdata/<name>/memory.gz.
func loadRecording(t testing.TB, name string) *recording {
	t.Helper()
	out := &recording{}
	for line := range strings.Lines(jvmtest.CaptureText(t, filepath.Join("testdata", name, "memory.gz"))) {
		left, right, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var err error
		if left == "base" {
			out.base, err = strconv.ParseUint(right, 16, 64)
		} else {
			p := piece{}
			if p.address, err = strconv.ParseUint(left, 16, 64); err == nil {
				p.bytes, err = hex.DecodeString(right)
			}
			out.pieces = append(out.pieces, p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// clone copies the memory, so that it can be written to.
func (m *recording) clone() *recording {
	out := &recording{base: m.base, pieces: slices.Clone(m.pieces)}
	for i := range out.pieces {
		out.pieces[i].bytes = slices.Clone(out.pieces[i].bytes)
	}
	return out
}

// at returns the recorded memory from address on, nil in a hole.
func (m *recording) at(address uint64) []byte {
	i, found := slices.BinarySearchFunc(m.pieces, address, func(p piece, a uint64) int { return cmp.Compare(p.address, a) })
	if !found {
		i--
	}
	if i < 0 || address-m.pieces[i].address >= uint64(len(m.pieces[i].bytes)) {
		return nil
	}
	return m.pieces[i].bytes[address-m.pieces[i].address:]
}

// ReadAt answers as /proc/<pid>/mem does.
func (m *recording) ReadAt(buf []byte, offset int64) (int, error) {
	n := copy(buf, m.at(uint64(offset)))
	if n < len(buf) {
		return n, &os.PathError{Op: "read", Path: "recording", Err: syscall.EIO}
	}
	return n, nil
}
