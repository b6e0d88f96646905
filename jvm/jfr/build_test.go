package jfr

import (
	"encoding/binary"
	"strconv"
	"unicode/utf16"
)

// builder writes a chunk as HotSpot does, with integers compressed or not.
type builder struct {
	fixed bool
	b     []byte
}

func (w *builder) integer(size int, v int64) {
	if !w.fixed {
		u := uint64(v)
		for range 8 {
			if u < 0x80 {
				w.b = append(w.b, byte(u))
				return
			}
			w.b = append(w.b, byte(u)|0x80)
			u >>= 7
		}
		w.b = append(w.b, byte(u))
		return
	}
	switch size {
	case 2:
		w.b = binary.BigEndian.AppendUint16(w.b, uint16(v))
	case 4:
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(v))
	case 8:
		w.b = binary.BigEndian.AppendUint64(w.b, uint64(v))
	}
}

func (w *builder) int(v int)    { w.integer(4, int64(v)) }
func (w *builder) long(v int64) { w.integer(8, v) }

// text writes a string in one of the encodings.
func (w *builder) text(encoding byte, s string, key int64) {
	w.b = append(w.b, encoding)
	switch encoding {
	case stringConstant:
		w.long(key)
	case stringUTF8:
		w.int(len(s))
		w.b = append(w.b, s...)
	case stringChars:
		chars := utf16.Encode([]rune(s))
		w.int(len(chars))
		for _, c := range chars {
			w.integer(2, int64(c))
		}
	case stringLatin1:
		w.int(len([]rune(s)))
		for _, r := range s {
			w.b = append(w.b, byte(r))
		}
	}
}

// record writes a record; its size includes itself.
func (w *builder) record(id int64, content func(*builder)) {
	body := builder{fixed: w.fixed}
	body.long(id)
	content(&body)
	for size := len(body.b) + 1; ; size++ {
		head := builder{fixed: w.fixed}
		head.int(size)
		if len(head.b)+len(body.b) == size {
			w.b = append(append(w.b, head.b...), body.b...)
			return
		}
	}
}

// element is an element of the metadata.
type element struct {
	name       string
	attributes [][2]string
	in         []element
}

func (w *builder) metadata(root element) {
	var names []string
	index := make(map[string]int)
	id := func(s string) int {
		if _, ok := index[s]; !ok {
			index[s] = len(names)
			names = append(names, s)
		}
		return index[s]
	}
	body := builder{fixed: w.fixed}
	var write func(element)
	write = func(e element) {
		body.int(id(e.name))
		body.int(len(e.attributes))
		for _, a := range e.attributes {
			body.int(id(a[0]))
			body.int(id(a[1]))
		}
		body.int(len(e.in))
		for _, in := range e.in {
			write(in)
		}
	}
	write(root)
	w.record(typeMetadata, func(w *builder) {
		w.long(0)
		w.long(0)
		w.long(1)
		w.int(len(names))
		for _, s := range names {
			w.text(stringUTF8, s, 0)
		}
		w.b = append(w.b, body.b...)
	})
}

// newClass describes a class: its fields are "name class", with "*" for a constant and "[]"
// for an array before the class.
func newClass(id int64, name string, fields ...[2]string) element {
	e := element{name: "class", attributes: [][2]string{{"id", strconv.FormatInt(id, 10)}, {"name", name}}}
	for _, f := range fields {
		class, pool, array := f[1], false, false
		if class[0] == '*' {
			class, pool = class[1:], true
		}
		if class[0] == '[' {
			class, array = class[1:], true
		}
		field := element{name: "field", attributes: [][2]string{{"name", f[0]}, {"class", class}}}
		if pool {
			field.attributes = append(field.attributes, [2]string{"constantPool", "true"})
		}
		if array {
			field.attributes = append(field.attributes, [2]string{"dimension", "1"})
		}
		e.in = append(e.in, field)
	}
	return e
}

func root(classes ...element) element {
	return element{name: "root", in: []element{{name: "metadata", in: classes}, {name: "region"}}}
}

// checkpoint writes constants: class, key, value.
func (w *builder) checkpoint(constants ...func(*builder)) {
	w.record(typeCheckpoint, func(w *builder) {
		w.long(0)
		w.long(0)
		w.long(0)
		w.b = append(w.b, 0)
		w.int(len(constants))
		for _, c := range constants {
			c(w)
		}
	})
}

// chunk returns the records as a chunk.
func (w *builder) chunk() []byte {
	h := make([]byte, headerBytes)
	copy(h, "FLR\x00\x00\x02\x00\x01")
	binary.BigEndian.PutUint64(h[8:], uint64(headerBytes+len(w.b)))
	binary.BigEndian.PutUint64(h[32:], 1_700_000_000_000_000_000)
	binary.BigEndian.PutUint64(h[40:], 5_000_000_000)
	binary.BigEndian.PutUint64(h[48:], 1000)
	binary.BigEndian.PutUint64(h[56:], 1000)
	if !w.fixed {
		h[67] = 1
	}
	return append(h, w.b...)
}
