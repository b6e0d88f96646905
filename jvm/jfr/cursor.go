package jfr

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Errors of the format.
var (
	// ErrMalformed: the bytes are not a recording, or contradict themselves.
	ErrMalformed = errors.New("jfr: malformed recording")
	// ErrBudget: the recording needs more work or memory than the Budget allows.
	ErrBudget = errors.New("jfr: the recording is larger than the limit")
)

// cursor decodes values from bytes. The first error stays; after it every value is zero.
type cursor struct {
	b     []byte
	pos   int
	fixed bool   // integers are not compressed
	work  *int64 // what is left of Budget.Work
	err   error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.pos = len(c.b)
}

// step counts a unit of work.
func (c *cursor) step() bool {
	if *c.work--; *c.work < 0 {
		c.fail(ErrBudget)
	}
	return c.err == nil
}

// take returns the next n bytes, or nil.
func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.b)-c.pos {
		c.fail(ErrMalformed)
		return nil
	}
	c.pos += n
	return c.b[c.pos-n : c.pos]
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// integer decodes an integer that has the given size where integers are not compressed.
func (c *cursor) integer(size int) int64 {
	if !c.step() {
		return 0
	}
	var v int64
	if !c.fixed {
		v = c.varint() // of a negative int: its 32 bits
	} else {
		for _, b := range c.take(size) {
			v = v<<8 | int64(b)
		}
	}
	unused := 64 - 8*size
	return v << unused >> unused // its sign
}

// varint decodes LEB128; the ninth byte has eight bits.
func (c *cursor) varint() int64 {
	var v uint64
	for shift := 0; shift < 56; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(v)
		}
	}
	return int64(v | uint64(c.byte())<<56)
}

func (c *cursor) long() int64 { return c.integer(8) }
func (c *cursor) int() int64  { return c.integer(4) }

// count decodes the number of elements or bytes that follow: at most as many as bytes are
// left.
func (c *cursor) count() int {
	n := c.int()
	if n < 0 || n > int64(len(c.b)-c.pos) {
		c.fail(ErrMalformed)
		return 0
	}
	return int(n)
}

// Encodings of a string.
const (
	stringNull = iota
	stringEmpty
	stringConstant // a key of the pool of java.lang.String
	stringUTF8
	stringChars
	stringLatin1
)

// text decodes a string; if it is a constant, only its key.
func (c *cursor) text() (s string, key int64, constant bool) {
	switch c.byte() {
	case stringNull, stringEmpty:
	case stringConstant:
		return "", c.long(), true
	case stringUTF8:
		s = string(c.take(c.count()))
	case stringChars:
		var chars []uint16
		for n := c.count(); n > 0 && c.err == nil; n-- {
			chars = append(chars, uint16(c.integer(2)))
		}
		s = string(utf16.Decode(chars))
	case stringLatin1:
		b := c.take(c.count())
		runes := make([]byte, 0, len(b))
		for _, char := range b {
			runes = utf8.AppendRune(runes, rune(char))
		}
		s = string(runes)
	default:
		c.fail(ErrMalformed)
	}
	return s, 0, false
}

// skipText goes over a string.
func (c *cursor) skipText() {
	switch c.byte() {
	case stringNull, stringEmpty:
	case stringConstant:
		c.long()
	case stringUTF8, stringLatin1:
		c.take(c.count())
	case stringChars:
		for n := c.count(); n > 0 && c.err == nil; n-- {
			c.integer(2)
		}
	default:
		c.fail(ErrMalformed)
	}
}
