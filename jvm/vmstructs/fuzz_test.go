package vmstructs

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// FuzzRead changes words of real JVMs' memory: six bytes say which, eight how.
// Whatever the memory holds, Open and Read end after bounded work, and what
// they return is well formed.
func FuzzRead(f *testing.F) {
	names := []string{"jdk8-g1", "jdk11-cms-cds", "jdk17-g1", "jdk28-g1"}
	var recordings []*recording
	for _, name := range names {
		recordings = append(recordings, loadRecording(f, name))
	}
	seed := func(which uint8, m *recording, address, value uint64) {
		for i, p := range m.pieces {
			if at := address - p.address; address >= p.address && at < uint64(len(p.bytes)) {
				data := binary.LittleEndian.AppendUint16(nil, uint16(i))
				data = binary.LittleEndian.AppendUint32(data, uint32(at/4))
				f.Add(which, binary.LittleEndian.AppendUint64(data, value))
				return
			}
		}
		f.Fatalf("%#x was not recorded", address)
	}
	for i, m := range recordings {
		f.Add(uint8(i), []byte(nil))
		r := openRecording(f, m)
		for _, value := range []uint64{0, 1, 1 << 31, 1<<47 - 8, 1 << 56, 1<<63 - 1, ^uint64(0)} {
			seed(uint8(i), m, m.base+32, value)
			seed(uint8(i), m, r.at(f, "Universe", "_collectedHeap"), value)
			seed(uint8(i), m, r.firstThread(f)+r.in(f, "JavaThread", "_stack_size"), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		m := recordings[int(which)%len(recordings)].clone()
		unchanged := len(changes) < 14
		for ; len(changes) >= 14; changes = changes[14:] {
			p := m.pieces[int(binary.LittleEndian.Uint16(changes))%len(m.pieces)].bytes
			at := uint64(binary.LittleEndian.Uint32(changes[2:])) * 4 % uint64(len(p))
			copy(p[at:], changes[6:14])
		}
		source := &counted{source: m}
		r, err := open(source, Options{Base: m.base, Flags: replayFlags()}, recordUnit, 1)
		if source.bytes > maxImageBytes+1<<20 {
			t.Errorf("Open read %d bytes", source.bytes)
		}
		if errors.Is(err, ErrGone) {
			t.Errorf("the process is there: %v", err)
		}
		if err != nil {
			if unchanged {
				t.Error(err)
			}
			return
		}
		source.bytes = 0
		got, err := r.Read(false)
		if err != nil {
			t.Fatal(err)
		}
		// A thread takes three reads of an object at most, three times over.
		if most := int64(attempts * (3*maxRecordBytes*64 + 8*maxThreads)); source.bytes > most {
			t.Errorf("Read read %d bytes", source.bytes)
		}
		if unchanged && (len(got.Errors) > 0 || len(got.Threads) < 10) {
			t.Errorf("%d threads, %v", len(got.Threads), got.Errors)
		}
		checkForm(t, got)
		for _, name := range replayFlags() {
			if flag, err := r.Flag(name); err == nil && flag.Type == "" {
				t.Errorf("flag %s has no type", name)
			}
		}
	})
}

// checkForm checks what holds for every Snapshot.
func checkForm(t *testing.T, s Snapshot) {
	t.Helper()
	stacks := map[int]ranges.Range{}
	for _, r := range s.Ranges {
		if r.Start == 0 || r.Start >= r.End || r.End > addressLimit || r.Kind != ranges.Stack && (r.Start|r.End)%pageBytes != 0 {
			t.Errorf("range %v %#x to %#x", r.Kind, r.Start, r.End)
		}
		if r.Kind == ranges.Unknown || (r.Kind == ranges.Stack) != (r.Thread != 0) {
			t.Errorf("%v of thread %d", r.Kind, r.Thread)
		}
		if r.Kind == ranges.Stack {
			stacks[r.Thread] = r
		}
	}
	if len(stacks) != len(s.Threads) {
		t.Errorf("%d stacks of %d threads", len(stacks), len(s.Threads))
	}
	for _, thread := range s.Threads {
		r := stacks[thread.OSThreadID]
		if thread.OSThreadID <= 0 || thread.OSThreadID > maxThreadID || thread.StackStart < r.Start || thread.StackEnd > r.End || thread.StackEnd-thread.StackStart < minStackBytes {
			t.Errorf("thread %+v on %#x to %#x", thread, r.Start, r.End)
		}
	}
}
