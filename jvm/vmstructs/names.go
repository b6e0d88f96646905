package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

const (
	maxJavaName = 1024 // bytes
	// objectHeader is the smallest header of an object (compact headers).
	objectHeader = 8
	// threadBytes and stringBytes are the parts of a java.lang.Thread and of a String in
	// which a field is searched.
	threadBytes, stringBytes = 192, 32
	// arrayBytes are read of an array at first: most names are shorter.
	arrayBytes = 128
	// searches bounds how often a search may fail: it makes up to 500 reads.
	searches = 64
)

// ErrNoName means that the name of a thread could not be read: the thread is starting or
// has ended, the collector moved the name, or this JVM does not export what is needed.
var ErrNoName = errors.New("no name of the thread found")

// names is how java.lang.Thread.name is read. HotSpot exports neither the offset of that
// field nor those of a String, so they are searched once, in a thread of which a part of
// the name is known.
type names struct {
	objects *objects    // nil: not known yet
	layout  *nameLayout // nil: not found yet
	failed  int         // searches
}

// nameLayout has the offsets of what leads to a name.
type nameLayout struct {
	name   uint64 // in java.lang.Thread
	value  uint64 // in String, of its array; 0: the name is that array (early JDK 8)
	length uint64 // in the array
	data   uint64
}

// Name returns the name of a thread of the last Read. Needs Options.Names. fits reports
// whether it may be the name, as the kernel has a part of it: objects move while they are
// read, and nothing else would show that what was read is no name. The errors are ErrGone
// and ErrNoName.
func (r *Reader) Name(t Thread, fits func(name string) bool) (string, error) {
	if r.names.layout == nil && r.names.failed >= searches {
		return "", ErrNoName
	}
	name, err := r.name(t.address, fits)
	if err != nil && !errors.Is(err, ErrGone) {
		err = fmt.Errorf("%w: %w", ErrNoName, err)
	}
	return name, err
}

func (r *Reader) name(thread uint64, fits func(string) bool) (string, error) {
	heap := r.names.objects
	if heap == nil {
		all, err := r.objects()
		if err != nil {
			return "", err
		}
		heap = &all
	}
	object, err := heap.thread(thread)
	if err != nil {
		return "", err
	}
	if l := r.names.layout; l != nil {
		return heap.nameBy(object, *l, fits)
	}
	name, layout, err := heap.search(object, fits)
	if err != nil {
		r.names.failed++
		return "", err
	}
	r.names.objects, r.names.layout = heap, &layout // both are constant
	return name, nil
}

// objects reads the Java heap.
type objects struct {
	memory memory
	// A reference in an object is 32 bits wide and relative to base, or an address.
	narrow      bool
	base, shift uint64
	colored     bool // references are those of generational ZGC
	chars       bool // a String has an array of 16-bit characters (JDK 8)
	object      field
}

func (r *Reader) objects() (h objects, err error) {
	h.memory = r.memory
	if h.object, err = r.table.find(false, fieldName{"JavaThread", "_threadObj"}); err != nil {
		return h, err
	}
	version, err := r.Version()
	if err != nil {
		return h, err
	}
	h.chars = version.Feature == 8
	z, err := r.flagTrue("UseZGC")
	if err != nil {
		return h, err
	}
	if z {
		generational, err := r.flagTrue("ZGenerational")
		h.colored = generational || version.Feature >= 24 // there is no other from 24 on
		return h, err
	}
	if h.narrow, err = r.flagTrue("UseCompressedOops"); err != nil || !h.narrow {
		return h, err
	}
	h.base, err = r.static(fieldName{"CompressedOops", "_base"}, fieldName{"CompressedOops", "_narrow_oop._base"}, fieldName{"Universe", "_narrow_oop._base"})
	if err != nil {
		return h, err
	}
	at, err := r.table.static(fieldName{"CompressedOops", "_shift"}, fieldName{"CompressedOops", "_narrow_oop._shift"}, fieldName{"Universe", "_narrow_oop._shift"})
	if err != nil {
		return h, err
	}
	shift, err := h.memory.int32(at)
	if err == nil && (shift < 0 || shift > 8) { // ObjectAlignmentInBytes is at most 256
		err = fmt.Errorf("implausible shift of references: %d", shift)
	}
	h.shift = uint64(shift)
	return h, err
}

// thread returns the address of the java.lang.Thread of a JavaThread.
func (h *objects) thread(address uint64) (uint64, error) {
	reference, err := h.memory.word(address + h.object.offset)
	if err == nil && h.object.kind == "OopHandle" { // to JDK 15 it is the reference itself
		reference, err = h.memory.word(reference)
	}
	return h.address(reference), err
}

// address returns the address in a reference of 64 bits; 0: none. In one of generational
// ZGC on x86-64, one of bits 12 to 15 says how many bits are colors (gc/z/zAddress.hpp).
func (h *objects) address(reference uint64) uint64 {
	if !h.colored {
		return reference
	}
	for shift := uint64(13); shift <= 16; shift++ {
		if reference>>12&0xf == 1<<(shift-13) {
			return reference >> shift
		}
	}
	return 0
}

func (h *objects) size() uint64 {
	if h.narrow {
		return 4
	}
	return 8
}

// reference decodes a field; 0: null.
func (h *objects) reference(buf []byte) uint64 {
	if !h.narrow {
		return h.address(binary.LittleEndian.Uint64(buf))
	}
	n := uint64(binary.LittleEndian.Uint32(buf))
	if n == 0 {
		return 0
	}
	return h.base + n<<h.shift
}

// follow reads the reference at an offset of an object.
func (h *objects) follow(object, offset uint64) (uint64, error) {
	buf := make([]byte, 8)
	if err := h.memory.read(object+offset, buf[:h.size()]); err != nil {
		return 0, err
	}
	return h.reference(buf), nil
}

var errNoMatch = errors.New("it does not fit")

func (h *objects) nameBy(object uint64, l nameLayout, fits func(string) bool) (string, error) {
	array, err := h.follow(object, l.name)
	if err == nil && l.value != 0 {
		array, err = h.follow(array, l.value)
	}
	if err != nil {
		return "", err
	}
	buf := make([]byte, arrayBytes)
	n, err := h.memory.readSome(array, buf)
	if errors.Is(err, ErrGone) || n == 0 {
		return "", err
	}
	return h.text(array, buf[:n], l, fits)
}

// text returns the text in an array, of which the start was read.
func (h *objects) text(array uint64, buf []byte, l nameLayout, fits func(string) bool) (string, error) {
	if l.data > uint64(len(buf)) {
		return "", errNoMatch
	}
	size := uint64(binary.LittleEndian.Uint32(buf[l.length:]))
	if h.chars {
		size *= 2
	}
	if size > maxJavaName {
		return "", errNoMatch
	}
	if end := l.data + size; end <= uint64(len(buf)) {
		buf = buf[l.data:end]
	} else {
		buf = make([]byte, size)
		if err := h.memory.read(array+l.data, buf); err != nil {
			return "", err
		}
	}
	if name := latin1(buf); !h.chars && fits(name) {
		return name, nil
	}
	if name := wide(buf); fits(name) {
		return name, nil
	}
	return "", errNoMatch
}

func latin1(buf []byte) string {
	out := make([]rune, len(buf))
	for i, c := range buf {
		out[i] = rune(c)
	}
	return string(out)
}

func wide(buf []byte) string {
	out := make([]uint16, len(buf)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(buf[2*i:])
	}
	return string(utf16.Decode(out))
}

// search tries every field of a java.lang.Thread, its superclass' fields first.
func (h *objects) search(thread uint64, fits func(string) bool) (string, nameLayout, error) {
	for at, target := range h.fields(thread, threadBytes) {
		if name, l, err := h.searchArray(target, fits); err == nil {
			l.name = at
			return name, l, nil
		}
		for value, array := range h.fields(target, stringBytes) {
			if name, l, err := h.searchArray(array, fits); err == nil {
				l.name, l.value = at, value
				return name, l, nil
			}
		}
	}
	return "", nameLayout{}, errNoMatch
}

// searchArray tries each layout of an array: its length follows a header of 8, 12 or 16
// bytes, and its elements may be aligned to 8.
func (h *objects) searchArray(array uint64, fits func(string) bool) (string, nameLayout, error) {
	buf := make([]byte, arrayBytes)
	n, _ := h.memory.readSome(array, buf)
	for length := uint64(objectHeader); length <= 16; length += 4 {
		for data := length + 4; data <= length+8; data += 4 {
			l := nameLayout{length: length, data: data}
			if name, err := h.text(array, buf[:n], l, fits); err == nil {
				return name, l, nil
			}
		}
	}
	return "", nameLayout{}, errNoMatch
}

// fields returns what may be references in the start of an object, by offset.
func (h *objects) fields(object uint64, limit int) func(yield func(uint64, uint64) bool) {
	return func(yield func(uint64, uint64) bool) {
		buf := make([]byte, limit)
		n, _ := h.memory.readSome(object, buf)
		for at := uint64(objectHeader); at+h.size() <= uint64(n); at += h.size() {
			if target := h.reference(buf[at:n]); target != 0 && target%8 == 0 && !yield(at, target) {
				return
			}
		}
	}
}
