package vmstructs

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestReadHostile corrupts what Read reads: the other parts stay.
func TestReadHostile(t *testing.T) {
	list := fieldName{"ThreadsSMRSupport", "_java_thread_list"}
	tests := []struct {
		name    string
		record  string
		corrupt func(t *testing.T, m *recording, r *Reader)
		want    string
		lost    ranges.Kind
		left    int // threads: 0, or all + left + 1
	}{
		{"heap size overflows", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, m.word(t, r.at(t, "Universe", "_collectedHeap"))+r.in(t, "CollectedHeap", "_reserved")+r.in(t, "MemRegion", "_word_size"), 1<<61)
		}, "heap: implausible heap", ranges.Heap, -1},
		{"heap not set up", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.at(t, "Universe", "_collectedHeap"), 0)
		}, "heap: null pointer", ranges.Heap, -1},
		{"count of code heaps", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke32(t, m.word(t, r.at(t, "CodeCache", "_heaps"))+r.in(t, "GrowableArrayBase", "_len"), 1<<31)
		}, "code heaps: implausible count", ranges.Code, -1},
		{"archive upside down", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.at(t, "MetaspaceObj", "_shared_metaspace_base"), 0x7fff_ffff_f000)
		}, "CDS archive: implausible range", ranges.CDS, -1},
		{"card table size", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			set := m.word(t, r.at(t, "BarrierSet", "_barrier_set"))
			m.poke(t, m.word(t, set+r.in(t, "CardTableBarrierSet", "_card_table"))+r.in(t, "CardTable", "_byte_map_size"), ^uint64(0))
		}, "card table: implausible size", ranges.GC, -1},
		{"thread count", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke32(t, m.word(t, r.table.fields[list].address)+r.in(t, "ThreadsList", "_length"), ^uint32(0))
		}, "threads: implausible count", ranges.Stack, 0},
		{"thread list elsewhere", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.table.fields[list].address, ^uint64(0))
		}, "threads: address 0xffffffffffffffff is outside", ranges.Stack, 0},
		{"one stack too large", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.firstThread(t)+r.in(t, "JavaThread", "_stack_size"), 1<<40)
		}, "implausible stack", ranges.Unknown, -2},
		{"one stack too small", "jdk8-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.firstThread(t)+r.in(t, "JavaThread", "_stack_size"), 4096)
		}, "implausible stack", ranges.Unknown, -2},
		{"one thread ID negative", "jdk17-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke32(t, m.word(t, r.firstThread(t)+r.in(t, "JavaThread", "_osthread"))+r.in(t, "OSThread", "_thread_id"), ^uint32(0))
		}, "implausible thread ID -1", ranges.Unknown, -2},
		{"one OSThread elsewhere", "jdk8-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.firstThread(t)+r.in(t, "JavaThread", "_osthread"), ^uint64(0))
		}, "implausible OSThread", ranges.Unknown, -2},
		{"linked list in a ring", "jdk8-g1", func(t *testing.T, m *recording, r *Reader) {
			m.poke(t, r.firstThread(t)+r.in(t, "JavaThread", "_next"), r.firstThread(t))
		}, "the list has no end", ranges.Stack, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := loadRecording(t, test.record).clone()
			source := &counted{source: m}
			r := openRecording(t, m)
			r.memory = memory{source}
			before := read1(t, r)
			cost := source.bytes
			test.corrupt(t, m, r)
			after, err := r.Read(false)
			if err != nil {
				t.Fatal(err)
			}
			if len(after.Errors) != 1 || !strings.Contains(after.Errors[0].Error(), test.want) {
				t.Errorf("errors %v, want %q", after.Errors, test.want)
			}
			want := len(before.Threads)
			if want += test.left + 1; test.left == 0 {
				want = 0
			}
			if len(after.Threads) != want {
				t.Errorf("%d threads, want %d", len(after.Threads), want)
			}
			for kind := ranges.Heap; kind <= ranges.GC; kind++ {
				was, is := len(ofKind(before.Ranges, kind)), len(ofKind(after.Ranges, kind))
				if kind == ranges.Stack {
					was = want
				}
				if kind == test.lost {
					was = 0
				}
				if is != was {
					t.Errorf("%v: %d ranges, want %d", kind, is, was)
				}
			}
			if source.bytes > cost+attempts*cost {
				t.Errorf("%d bytes read, a good read takes %d", source.bytes-cost, cost)
			}
		})
	}
}

// at returns where a static field lies.
func (r *Reader) at(t testing.TB, class, name string) uint64 {
	t.Helper()
	out, err := r.table.static(fieldName{class, name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// in returns where a field lies in its object.
func (r *Reader) in(t testing.TB, class, name string) uint64 {
	t.Helper()
	out, err := r.table.offsets(fieldName{class, name})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func (r *Reader) firstThread(t testing.TB) uint64 {
	t.Helper()
	_, pointers, err := r.threadPointers()
	if err != nil {
		t.Fatal(err)
	}
	return pointers[0]
}

// moving is a JVM whose list of threads is replaced while it is read: some of
// the times that its pointer is read, it points to a list that was freed.
type moving struct {
	*recording
	pointer uint64
	freed   func(time int) bool
	time    int
}

func (m *moving) ReadAt(buf []byte, offset int64) (int, error) {
	n, err := m.recording.ReadAt(buf, offset)
	if uint64(offset) == m.pointer {
		m.time++
		if m.freed(m.time) {
			binary.LittleEndian.PutUint64(buf, 0x1000)
		}
	}
	return n, err
}

func TestThreadListMoves(t *testing.T) {
	m := loadRecording(t, "jdk17-g1")
	r := openRecording(t, m)
	want := read1(t, r)
	tests := []struct {
		name     string
		freed    func(time int) bool
		looks    int // at the pointer
		complete bool
	}{
		{"never", func(int) bool { return false }, 2, true},
		{"before it is copied", func(time int) bool { return time == 1 }, 3, true},
		{"after it was copied", func(time int) bool { return time == 2 }, 4, true},
		{"all but the last time", func(time int) bool { return time < attempts }, attempts + 1, true},
		{"always", func(int) bool { return true }, attempts, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source := &moving{recording: m, pointer: r.at(t, "ThreadsSMRSupport", "_java_thread_list"), freed: test.freed}
			moved := *r
			moved.memory = memory{source}
			got, err := moved.Read(false)
			if err != nil {
				t.Fatal(err)
			}
			if complete := len(got.Errors) == 0 && len(got.Threads) == len(want.Threads); complete != test.complete {
				t.Errorf("%d threads, %v", len(got.Threads), got.Errors)
			}
			if source.time != test.looks {
				t.Errorf("looked %d times, want %d", source.time, test.looks)
			}
		})
	}
}

// ending is a process that ends after some reads.
type ending struct {
	*recording
	left int
}

func (e *ending) ReadAt(buf []byte, offset int64) (int, error) {
	if e.left--; e.left < 0 {
		return 0, io.EOF
	}
	return e.recording.ReadAt(buf, offset)
}

// TestEndsMidway ends the process before each single read.
func TestEndsMidway(t *testing.T) {
	for _, name := range []string{"jdk8-g1", "jdk11-cms-cds", "jdk28-g1"} {
		m := loadRecording(t, name)
		r := openRecording(t, m)
		reads := &counted{source: m}
		r.memory = memory{reads}
		want := read1(t, r)
		for left := range int(reads.calls) {
			r.memory = memory{&ending{m, left}}
			if _, err := r.Read(false); !errors.Is(err, ErrGone) {
				t.Fatalf("%s: after %d reads: %v", name, left, err)
			}
		}
		r.memory = memory{&ending{m, int(reads.calls)}}
		if got := read1(t, r); len(got.Ranges) != len(want.Ranges) {
			t.Errorf("%s: %d ranges, want %d", name, len(got.Ranges), len(want.Ranges))
		}
		for left := 0; left < 3000; left += 7 {
			if _, err := open(&ending{m, left}, Options{Base: m.base}, recordUnit, 1); !errors.Is(err, ErrGone) {
				if err == nil && left > 500 {
					break
				}
				t.Fatalf("%s: Open, after %d reads: %v", name, left, err)
			}
		}
	}
}
