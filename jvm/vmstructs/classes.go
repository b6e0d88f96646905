package vmstructs

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	// HolderBytes is how far before a field the header of its object is, unless it is large.
	HolderBytes = 512
	// lockBits of a mark word are unlocked if no thread has the object's lock, and forwarded
	// if the collector moved the object: this is the old copy.
	lockBits, unlocked, forwarded = 3, 1, 3
	// maxKnownClasses bounds the classes, and what is none, that are remembered: 4 MiB.
	maxKnownClasses = 32 << 10
	// compactShift is where the narrow class pointer lies in a compact header
	// (markWord::klass_shift).
	compactShift = 42
)

// Classes names the classes of Java objects by the class pointers in their headers: full,
// compressed, or in a compact header. Not safe for concurrent use.
type Classes struct {
	memory memory
	// A class pointer is compressed (narrow) or, with compact, a part of the mark word.
	narrow, compact bool
	base, shift     uint64
	// Offsets in Klass and Symbol.
	name, layout, length, body uint64
	known                      map[uint64]class
}

type class struct {
	name string // "": there is no class at that address
	// layout is Klass::_layout_helper: the size of an object, or less than 0 for arrays.
	layout int32
}

// Classes prepares to name classes. Needs Options.Classes.
func (r *Reader) Classes() (*Classes, error) {
	c := &Classes{memory: r.memory, narrow: true, known: make(map[uint64]class)}
	err := c.open(r)
	if err != nil {
		return nil, fmt.Errorf("vmstructs: classes: %w", err)
	}
	return c, nil
}

func (c *Classes) open(r *Reader) error {
	at, err := r.table.offsets(fieldName{"Klass", "_name"}, fieldName{"Klass", "_layout_helper"}, fieldName{"Symbol", "_length"}, fieldName{"Symbol", "_body"})
	if err != nil {
		return err
	}
	c.name, c.layout, c.length, c.body = at[0], at[1], at[2], at[3]
	for flag, value := range map[string]*bool{"UseCompressedClassPointers": &c.narrow, "UseCompactObjectHeaders": &c.compact} {
		if _, exists := r.flags[flag]; !exists {
			continue
		}
		if *value, err = r.flagTrue(flag); err != nil {
			return err
		}
	}
	if !c.narrow && !c.compact {
		return nil
	}
	if c.base, err = r.static(fieldName{"CompressedKlassPointers", "_base"}, fieldName{"CompressedKlassPointers", "_narrow_klass._base"}, fieldName{"Universe", "_narrow_klass._base"}); err != nil {
		return err
	}
	address, err := r.table.static(fieldName{"CompressedKlassPointers", "_shift"}, fieldName{"CompressedKlassPointers", "_narrow_klass._shift"}, fieldName{"Universe", "_narrow_klass._shift"})
	if err != nil {
		return err
	}
	shift, err := c.memory.int32(address)
	if err == nil && (shift < 0 || shift > 10) { // a Klass is aligned to 1 KiB at most
		err = fmt.Errorf("implausible shift of class pointers: %d", shift)
	}
	c.shift = uint64(shift)
	return err
}

// Object is where an object is, and its class.
type Object struct {
	Class      string
	Start, End uint64
}

// Holder returns the object that has the word at address. before is the memory that ends
// behind that word. It is not ok if no header is found: the word is farther from it, or in no
// object. Farther than HolderBytes from the word only objects that are not locked are found.
func (c *Classes) Holder(address uint64, before []byte) (o Object, ok bool) {
	at := len(before) - 8 // of the word
	for p := at - objectHeader; p >= 0; p -= 8 {
		if at-p > HolderBytes && before[p]&lockBits != unlocked {
			continue // so that the words of an array are not all taken for headers
		}
		pointer, header, ok := c.pointer(before[p:])
		if !ok {
			continue
		}
		found, offset := c.class(pointer), uint64(at-p)
		if size := c.size(found, before[p:], header); found.name != "" && offset >= header && offset+8 <= size {
			return Object{found.name, address - offset, address - offset + size}, true
		}
	}
	return Object{}, false
}

// pointer returns the class pointer in the header of what may be an object, and the size
// of the header.
func (c *Classes) pointer(object []byte) (address, header uint64, ok bool) {
	mark := binary.LittleEndian.Uint64(object)
	switch {
	case mark&lockBits == forwarded:
		return 0, 0, false
	case c.compact:
		address, header = c.base+mark>>compactShift<<c.shift, 8
		return address, header, mark>>compactShift != 0
	case mark == 0 || mark>>48 != 0 || len(object) < 16: // a hash and bits, or an address
		return 0, 0, false
	case c.narrow:
		narrow := uint64(binary.LittleEndian.Uint32(object[8:]))
		return c.base + narrow<<c.shift, 12, narrow != 0
	}
	address = binary.LittleEndian.Uint64(object[8:])
	return address, 16, address != 0 && address%8 == 0
}

// size returns the size of an object; 0: of one that has no numbers. An array of primitive
// types has its length behind the header (klass.hpp, layout_helper).
func (c *Classes) size(k class, object []byte, header uint64) uint64 {
	if k.layout > 0 {
		return uint64(k.layout &^ 7)
	}
	if uint32(k.layout)>>30 != 3 || header+4 > uint64(len(object)) {
		return 0
	}
	length := uint64(binary.LittleEndian.Uint32(object[header:]))
	first, logSize := uint64(k.layout>>16&0xff), uint64(k.layout&0xff)
	if logSize > 3 {
		return 0
	}
	return first + length<<logSize
}

// class reads a Klass.
func (c *Classes) class(address uint64) class {
	if known, ok := c.known[address]; ok {
		return known
	}
	if len(c.known) >= maxKnownClasses {
		return class{}
	}
	var found class
	if name, layout, err := c.read(address); err == nil {
		found = class{name, layout}
	}
	c.known[address] = found
	return found
}

func (c *Classes) read(address uint64) (name string, layout int32, err error) {
	got, err := c.memory.words(address, c.name)
	if err != nil {
		return "", 0, err
	}
	if layout, err = c.memory.int32(address + c.layout); err != nil {
		return "", 0, err
	}
	symbol := got[0]
	if symbol == 0 || symbol%8 != 0 || symbol >= addressLimit || layout == 0 {
		return "", 0, errNoMatch
	}
	var size [2]byte
	if err := c.memory.read(symbol+c.length, size[:]); err != nil {
		return "", 0, err
	}
	buf := make([]byte, binary.LittleEndian.Uint16(size[:]))
	if len(buf) == 0 || len(buf) > maxNameBytes {
		return "", 0, errNoMatch
	}
	if err := c.memory.read(symbol+c.body, buf); err != nil {
		return "", 0, err
	}
	for _, b := range buf {
		if b <= ' ' || b > '~' && b < 0x80 { // the rest is UTF-8
			return "", 0, errNoMatch
		}
	}
	return strings.ReplaceAll(string(buf), "/", "."), layout, nil
}
