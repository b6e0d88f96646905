package pages

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrTruncated means that the text ended in the middle of a mapping, as it does when
// the process dies while it is read.
var ErrTruncated = errors.New("smaps ends in the middle of a mapping")

// maxLine bounds a line: a path has at most PATH_MAX (4096) bytes, each of
// which the kernel may print as a 4-byte octal escape.
const maxLine = 20 << 10

// maxPaths bounds the paths that a Reader keeps.
const maxPaths = 1 << 12

// Reader parses smaps and maps. It keeps its buffers and the paths it has seen, so that
// reading the same process again allocates nothing. Not safe for concurrent use.
type Reader struct {
	buf   *bufio.Reader
	paths map[string]string
}

// ReadMaps is Read for /proc/<pid>/maps: it has neither resident sizes nor Flags, so
// the kernel need not inspect any page.
func (r *Reader) ReadMaps(src io.Reader, yield func(*Mapping)) error {
	r.reset(src)
	var m Mapping
	var last uint64 // end of the mapping before m
	for n := 1; ; n++ {
		line, err := r.buf.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w", n, ErrTruncated)
		case err != nil:
			return fmt.Errorf("maps line %d: %w", n, err)
		}
		m = Mapping{}
		if err := r.header(line[:len(line)-1], &m); err != nil {
			return fmt.Errorf("maps line %d: %w", n, err)
		}
		if m.End <= last {
			return fmt.Errorf("maps line %d: a mapping below the one before: %.40q", n, line)
		}
		m.Start = max(m.Start, last)
		last = m.End
		yield(&m)
	}
}

func (r *Reader) reset(src io.Reader) {
	if r.buf == nil {
		r.buf = bufio.NewReaderSize(src, maxLine)
	}
	r.buf.Reset(src)
	if r.paths == nil {
		r.paths = make(map[string]string)
	}
}

// Read calls yield for each mapping, in address order and without overlaps. The
// Mapping is reused: copy it to keep it.
//
// The kernel prints a few mappings at a time. One that meanwhile grew downwards,
// over mappings that were printed, is reduced to its new part.
func (r *Reader) Read(src io.Reader, yield func(*Mapping)) error {
	r.reset(src)
	var m, ignored Mapping
	var last uint64 // end of the mapping before m
	open := false
	var seen fields
	for n := 1; ; n++ {
		line, err := r.buf.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 || (open && seen != complete) {
				return fmt.Errorf("line %d: %w", n, ErrTruncated)
			}
			if open {
				yield(&m)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("smaps line %d: %w", n, err)
		}
		line = line[:len(line)-1]
		if isHeader(line) {
			if open {
				if seen != complete {
					return fmt.Errorf("smaps line %d: no Rss or VmFlags in the mapping before", n)
				}
				yield(&m)
				last = m.End
			}
			m, seen = Mapping{}, 0
			if err := r.header(line, &m); err != nil {
				return fmt.Errorf("smaps line %d: %w", n, err)
			}
			if m.End <= last {
				return fmt.Errorf("smaps line %d: a mapping below the one before: %.40q", n, line)
			}
			m.Start = max(m.Start, last)
			open = true
			continue
		}
		if !open {
			return fmt.Errorf("smaps line %d: no mapping before %.40q", n, line)
		}
		of := &m
		if seen == complete { // VmFlags is the last: what follows is not known
			of = &ignored
		}
		f, err := field(line, of)
		if err != nil {
			return fmt.Errorf("smaps line %d: %w", n, err)
		}
		seen |= f
	}
}

// fields are the fields of a mapping that were read: they show whether it is complete.
type fields uint8

const (
	seenRSS fields = 1 << iota
	seenFlags
	complete = seenRSS | seenFlags // VmFlags is the last (since Linux 3.8)
)

// isHeader distinguishes "00400000-0048a000 r-xp ..." from "Rss: 4 kB": only field
// names start with a capital.
func isHeader(line []byte) bool {
	return len(line) > 0 && (line[0] < 'A' || line[0] > 'Z')
}

// header parses "start-end perm offset major:minor inode  path".
func (r *Reader) header(line []byte, m *Mapping) error {
	var ok [6]bool
	rest := line
	m.Start, rest, ok[0] = hexUntil(rest, '-')
	m.End, rest, ok[1] = hexUntil(rest, ' ')
	if len(rest) < 5 {
		return fmt.Errorf("no header of a mapping: %.40q", line)
	}
	m.Perm = perm(rest[:4])
	m.Offset, rest, ok[2] = hexUntil(rest[5:], ' ')
	var major, minor uint64
	major, rest, ok[3] = hexUntil(rest, ':')
	minor, rest, ok[4] = hexUntil(rest, ' ')
	m.Dev = major<<32 | minor
	var digits int
	m.Inode, digits = decimal(rest)
	ok[5] = digits > 0
	rest = bytes.TrimLeft(rest[digits:], " ")
	if ok != [6]bool{true, true, true, true, true, true} || m.Start >= m.End {
		return fmt.Errorf("no header of a mapping: %.40q", line)
	}
	if len(rest) > 0 {
		path, known := r.paths[string(rest)] // no allocation for a known path
		if !known {
			if len(r.paths) >= maxPaths {
				clear(r.paths)
			}
			path = string(rest)
			r.paths[path] = path
		}
		m.Path = path
	}
	return nil
}

func perm(b []byte) Perm {
	var p Perm
	for i, bit := range [...]Perm{Read, Write, Exec} {
		if b[i] != '-' {
			p |= bit
		}
	}
	if b[3] == 's' {
		p |= Shared
	}
	return p
}

// field parses one "Name: value kB" line.
func field(line []byte, m *Mapping) (seen fields, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return 0, fmt.Errorf("neither mapping nor field: %.40q", line)
	}
	var to *int64
	switch string(name) { // no allocation
	case "Rss":
		to, seen = &m.RSSBytes, seenRSS
	case "Anonymous":
		to = &m.AnonymousBytes
	case "Swap":
		to = &m.SwapBytes
	case "VmFlags":
		m.Flags = flags(value)
		return seenFlags, nil
	default:
		return 0, nil
	}
	size, err := kilobytes(value)
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q", err, line)
	}
	// No more than there is room for: Read may have cut the mapping.
	*to = int64(min(uint64(*to)+size, m.End-m.Start))
	return seen, nil
}

var errNoSize = errors.New("not a size in kB")

// kilobytes parses "  4 kB" and returns bytes.
func kilobytes(value []byte) (uint64, error) {
	value = bytes.TrimLeft(value, " ")
	kib, digits := decimal(value)
	if digits == 0 || kib > 1<<43 || !bytes.Equal(value[digits:], []byte(" kB")) {
		return 0, errNoSize
	}
	return kib << 10, nil
}

func flags(value []byte) Flags {
	var f Flags
	for len(value) >= 3 {
		switch string(value[1:3]) {
		case "nh":
			f |= NoHuge
		case "nr":
			f |= NoReserve
		case "ac":
			f |= Account
		case "ht":
			f |= Hugetlb
		}
		value = value[3:]
	}
	return f
}

// hexUntil parses hexadecimal digits up to and including end.
func hexUntil(b []byte, end byte) (v uint64, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return v, b[i+1:], c == end && i > 0 && i <= 16
		}
	}
	return 0, nil, false
}

// decimal parses the digits that b starts with and returns how many there are,
// 0 if their number has no room in v.
func decimal(b []byte) (v uint64, digits int) {
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		d := uint64(b[digits] - '0')
		if v > (math.MaxUint64-d)/10 {
			return 0, 0
		}
		v = v*10 + d
		digits++
	}
	return v, digits
}
