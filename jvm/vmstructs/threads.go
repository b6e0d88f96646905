package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const (
	maxThreads    = 100_000
	maxThreadID   = 1 << 22 // PID_MAX_LIMIT of the kernel
	minStackBytes = 16 << 10
	// maxStackBytes is above what ThreadStackSize allows (1 GiB).
	maxStackBytes = 2 << 30
	// attempts bounds how often the list of threads is read. While three threads
	// started others as fast as they could, 2 of 25,000 readings were still
	// incomplete after five.
	attempts = 5
)

// Threads reads the Java threads alone, as Read does.
func (r *Reader) Threads() ([]Thread, error) { return r.readThreads(false) }

// readThreads reads the list of Java threads, which the JVM may replace and free
// meanwhile: the result is used if the list was still the same after its elements were
// copied and each of them is plausible; otherwise it is read again. A thread that ends
// while the threads are read one by one may still be included.
func (r *Reader) readThreads(same bool) ([]Thread, error) {
	for attempt := 1; ; attempt++ {
		out, err := r.threadsOnce(same)
		if err == nil || errors.Is(err, ErrGone) || attempt == attempts {
			return out, err
		}
	}
}

// threadsOnce also returns the plausible threads if there is an error.
func (r *Reader) threadsOnce(same bool) ([]Thread, error) {
	head, pointers, err := r.threadPointers()
	if err != nil {
		return nil, err
	}
	now, err := r.threadList()
	if err != nil {
		return nil, err
	}
	if now != head {
		return nil, errors.New("the list of threads changes too fast")
	}
	if same && slices.Equal(pointers, r.pointers) {
		return r.threads, nil
	}
	r.pointers = nil
	r.threads, err = r.threadsAt(pointers)
	if err == nil && len(r.threads) == len(pointers) { // none is just starting
		r.pointers = pointers
	}
	return r.threads, err
}

// threadList returns the address of the list, or of its first thread.
func (r *Reader) threadList() (uint64, error) {
	return r.static(fieldName{"ThreadsSMRSupport", "_java_thread_list"}, fieldName{"Threads", "_thread_list"})
}

// threadPointers returns the address of each JavaThread, and of the list they
// were in.
func (r *Reader) threadPointers() (uint64, []uint64, error) {
	head, err := r.threadList()
	if err != nil {
		return 0, nil, err
	}
	if !r.table.has("ThreadsSMRSupport", "_java_thread_list") {
		pointers, err := r.linkedThreads(head)
		return head, pointers, err
	}
	list, err := r.object(head, fieldName{"ThreadsList", "_length"}, fieldName{"ThreadsList", "_threads"})
	if err != nil {
		return 0, nil, err
	}
	count := uint32(list[0])
	if count > maxThreads {
		return 0, nil, fmt.Errorf("implausible count %d", count)
	}
	if count == 0 {
		return head, nil, nil
	}
	buf := make([]byte, count*8)
	if err := r.memory.read(list[1], buf); err != nil {
		return 0, nil, err
	}
	pointers := make([]uint64, count)
	for i := range pointers {
		pointers[i] = binary.LittleEndian.Uint64(buf[i*8:])
	}
	return head, pointers, nil
}

// linkedThreads follows JavaThread::_next.
func (r *Reader) linkedThreads(head uint64) ([]uint64, error) {
	next, err := r.table.offsets(fieldName{"JavaThread", "_next"})
	if err != nil {
		return nil, err
	}
	var out []uint64
	seen := map[uint64]bool{}
	for at := head; at != 0; {
		if seen[at] || len(out) == maxThreads {
			return nil, errors.New("the list has no end")
		}
		seen[at] = true
		out = append(out, at)
		got, err := r.memory.words(at, next...)
		if err != nil {
			return nil, err
		}
		at = got[0]
	}
	return out, nil
}

// threadsAt reads each JavaThread. The error is about threads that could not
// be read or were implausible; the others are returned with it.
func (r *Reader) threadsAt(pointers []uint64) ([]Thread, error) {
	at, id, err := r.threadLayout()
	if err != nil {
		return nil, err
	}
	out := make([]Thread, 0, len(pointers))
	seen := make(map[int]bool, len(pointers))
	bad := 0
	var last error
	for _, pointer := range pointers {
		thread, ok, err := r.thread(pointer, at, id)
		if errors.Is(err, ErrGone) {
			return nil, err
		}
		if err == nil && ok && seen[thread.OSThreadID] {
			err = fmt.Errorf("thread %d is listed twice", thread.OSThreadID)
		}
		if err != nil {
			last = err
			bad++
			continue
		}
		if ok {
			seen[thread.OSThreadID] = true
			out = append(out, thread)
		}
	}
	if last != nil {
		last = fmt.Errorf("%d of %d are left out: the last: %w", bad, len(pointers), last)
	}
	return out, last
}

// threadLayout returns the offsets of the OSThread, the end of the stack and
// its size in a JavaThread, and of the thread ID in an OSThread.
func (r *Reader) threadLayout() (at []uint64, id uint64, err error) {
	at = make([]uint64, 3)
	for i, name := range []string{"_osthread", "_stack_base", "_stack_size"} {
		f, err := r.table.find(false, fieldName{"JavaThread", name}, fieldName{"Thread", name})
		if err != nil {
			return nil, 0, err
		}
		at[i] = f.offset
	}
	ids, err := r.table.offsets(fieldName{"OSThread", "_thread_id"})
	if err != nil {
		return nil, 0, err
	}
	return at, ids[0], nil
}

// thread reads one JavaThread; ok is false while it is starting.
func (r *Reader) thread(pointer uint64, at []uint64, id uint64) (t Thread, ok bool, err error) {
	got, err := r.memory.words(pointer, at...)
	if err != nil {
		return Thread{}, false, err
	}
	osThread, end, size := got[0], got[1], got[2]
	if osThread == 0 || end == 0 || size == 0 {
		return Thread{}, false, nil
	}
	if osThread >= addressLimit {
		return Thread{}, false, fmt.Errorf("implausible OSThread at %#x", osThread)
	}
	tid, err := r.memory.int32(osThread + id)
	if err != nil {
		return Thread{}, false, err
	}
	if tid == 0 {
		return Thread{}, false, nil
	}
	if tid < 0 || tid > maxThreadID {
		return Thread{}, false, fmt.Errorf("implausible thread ID %d", tid)
	}
	if size < minStackBytes || size > maxStackBytes || end <= size || end > addressLimit-pageBytes {
		return Thread{}, false, fmt.Errorf("thread %d: implausible stack of %d bytes below %#x", tid, size, end)
	}
	return Thread{OSThreadID: int(tid), StackStart: end - size, StackEnd: end, address: pointer}, true, nil
}
