package jfr

import (
	"iter"
	"math"
	"strings"
)

// Value is a value in a recording: an event, a field, a constant. The zero Value is one that
// is not there. It is valid until the next call of Reader.Next.
type Value struct {
	c      *chunk
	class  *class // nil: not there
	array  *field // an array of such values
	key    int64  // of a constant
	pos    int32  // in the constants or in the event
	inPool bool
}

// OK reports whether the value is there. A field that this version of the JVM does not have,
// a null reference and a constant that is missing are not.
func (v Value) OK() bool { return v.class != nil || v.array != nil }

// Type returns the name of the value's class: "jdk.types.Method"; "" for an array.
func (v Value) Type() string {
	if v.class == nil {
		return ""
	}
	return v.class.name
}

func (v Value) cursor() *cursor {
	b := v.c.event
	if v.inPool {
		b = v.c.data
	}
	return &cursor{b: b, pos: int(v.pos), fixed: v.c.fixed, work: v.c.work}
}

// Field returns a field; of a path of names the last.
func (v Value) Field(path ...string) Value {
	if len(path) == 0 {
		return v
	}
	return v.field(path[0]).Field(path[1:]...)
}

func (v Value) field(name string) Value {
	if v.class == nil || v.class.kind != composite {
		return Value{}
	}
	cur := v.cursor()
	for i := range v.class.fields {
		f := &v.class.fields[i]
		if f.name != name {
			v.c.skipField(cur, *f, 0)
			if cur.err != nil {
				return Value{}
			}
			continue
		}
		if f.array {
			return Value{c: v.c, pos: int32(cur.pos), inPool: v.inPool, array: f}
		}
		return v.value(cur, f)
	}
	return Value{}
}

// value returns the value of a field of v, at the cursor: a constant if the field is a key.
func (v Value) value(cur *cursor, f *field) Value {
	class := v.c.classes[f.class]
	if f.constant {
		return v.c.constant(class, cur.long())
	}
	return Value{c: v.c, class: class, pos: int32(cur.pos), inPool: v.inPool}
}

func (c *chunk) constant(class *class, key int64) Value {
	at, ok := c.pools[class][key]
	if !ok {
		return Value{}
	}
	return Value{c: c, class: class, pos: at, inPool: true, key: key}
}

// Key returns the key of a constant, which identifies a class, a class loader or a thread in
// all chunks of a JVM; 0 for other values.
func (v Value) Key() int64 { return v.key }

// Elements visits the elements of an array.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.array == nil {
			return
		}
		one := *v.array
		one.array = false
		cur := v.cursor()
		for n := cur.count(); n > 0 && cur.err == nil; n-- {
			at := *cur
			if !yield(v.value(&at, &one)) {
				return
			}
			v.c.skipField(cur, one, 0)
		}
	}
}

// Int returns an integer, a boolean, or the only field of a type that wraps one.
func (v Value) Int() (int64, bool) {
	for range maxDepth {
		if v.class == nil {
			return 0, false
		}
		cur := v.cursor()
		var n int64
		switch v.class.kind {
		case oneByte:
			n = int64(int8(cur.byte()))
		case twoBytes:
			n = cur.integer(2)
			if v.class.name == "char" {
				n &= math.MaxUint16
			}
		case fourBytes:
			n = cur.int()
		case eightBytes:
			n = cur.long()
		default:
			v = v.only()
			continue
		}
		return n, cur.err == nil
	}
	return 0, false
}

// Text returns a string, or the only field of a type that wraps one. A null string is not
// there.
func (v Value) Text() (string, bool) {
	for range maxDepth {
		if v.class == nil {
			return "", false
		}
		if v.class.kind != text {
			v = v.only()
			continue
		}
		cur := v.cursor()
		null := cur.pos < len(cur.b) && cur.b[cur.pos] == stringNull
		s, key, constant := cur.text()
		if constant && cur.err == nil {
			v = v.c.constant(v.c.strings, key)
			continue
		}
		return s, cur.err == nil && !null
	}
	return "", false
}

// only returns the only field of a type that wraps one value.
func (v Value) only() Value {
	if v.class.kind != composite || len(v.class.fields) != 1 {
		return Value{}
	}
	return v.field(v.class.fields[0].name)
}

// ClassName returns the name of a java.lang.Class with dots, as in a stack trace; "" if the
// value is not there.
func (v Value) ClassName() string {
	name, _ := v.Field("name").Text()
	return strings.ReplaceAll(name, "/", ".")
}

// Frame is a frame of a stack trace.
type Frame struct {
	// Class and Method as in a stack trace: "com.acme.Order$Line", "<init>"; "" if the
	// constant is missing.
	Class, Method string
	// Line in the source file; 0: unknown.
	Line int
}

// maxFrames is the deepest stack that can be set for a JVM.
const maxFrames = 2048

type method struct{ class, name string }

// Frames appends the frames of a stack trace to dst, the innermost first. truncated: the
// stack was deeper than the JVM records (64 frames by default).
func (v Value) Frames(dst []Frame) (frames []Frame, truncated bool) {
	cut, _ := v.Field("truncated").Int()
	for f := range v.Field("frames").Elements() {
		if len(dst) >= maxFrames {
			return dst, true
		}
		m := f.Field("method")
		line, _ := f.Field("lineNumber").Int()
		if line < 0 || line > math.MaxUint16 { // of a class file
			line = 0
		}
		name := m.method()
		dst = append(dst, Frame{name.class, name.name, int(line)})
	}
	return dst, cut != 0
}

// method returns the names of a method. Stack traces share few methods, so they are kept.
func (v Value) method() method {
	if v.class == nil {
		return method{}
	}
	if m, ok := v.c.methods[v.pos]; ok && v.inPool {
		return m
	}
	name, _ := v.Field("name").Text()
	m := method{v.Field("type").ClassName(), name}
	if v.inPool {
		v.c.methods[v.pos] = m
	}
	return m
}
