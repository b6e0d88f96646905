package smaps

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrTruncated says that the text ended in the middle of a mapping, as it does
// when the process dies while it is read.
var ErrTruncated = errors.New("smaps ends in the middle of a mapping")

// maxLine bounds a line: a path has at most PATH_MAX (4096) bytes, each of
// which the kernel may print as a 4-byte octal escape.
const maxLine = 20 << 10

// Reader parses smaps. It keeps its buffers and the paths it has seen, so that
// reading the same process again allocates nothing. Not safe for concurrent use.
type Reader struct {
	buf   *bufio.Reader
	paths map[string]string
}

// Read calls yield for each mapping, in address order. The Mapping is reused:
// copy it to keep it.
func (r *Reader) Read(src io.Reader, yield func(*Mapping)) error {
	if r.buf == nil {
		r.buf = bufio.NewReaderSize(src, 2*maxLine)
	}
	r.buf.Reset(src)
	if r.paths == nil || len(r.paths) > 1<<14 {
		r.paths = make(map[string]string)
	}
	var m Mapping
	open, complete := false, false
	for n := 1; ; n++ {
		line, err := r.buf.ReadSlice('\n')
		if err == io.EOF {
			if len(line) > 0 || (open && !complete) {
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
				if !complete {
					return fmt.Errorf("smaps line %d: a mapping without Rss", n)
				}
				yield(&m)
			}
			m, complete = Mapping{}, false
			if err := r.header(line, &m); err != nil {
				return fmt.Errorf("smaps line %d: %w", n, err)
			}
			open = true
			continue
		}
		if !open {
			return fmt.Errorf("smaps line %d: no mapping before %.40q", n, line)
		}
		rss, err := field(line, &m)
		if err != nil {
			return fmt.Errorf("smaps line %d: %w", n, err)
		}
		complete = complete || rss
	}
}

// isHeader tells "00400000-0048a000 r-xp ..." from "Rss: 4 kB": only field
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

// field parses one "Name: value kB" line and reports whether it was Rss.
func field(line []byte, m *Mapping) (rss bool, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return false, fmt.Errorf("neither mapping nor field: %.40q", line)
	}
	var to *int64
	switch string(name) { // no allocation
	case "Rss":
		to = &m.RSSBytes
	case "Pss":
		to = &m.PSSBytes
	case "Anonymous":
		to = &m.AnonymousBytes
	case "Swap":
		to = &m.SwapBytes
	case "Shared_Hugetlb", "Private_Hugetlb":
		to = &m.HugetlbBytes
	case "VmFlags":
		m.Flags = flags(value)
		return false, nil
	default:
		return false, nil
	}
	value = bytes.TrimLeft(value, " ")
	kib, digits := decimal(value)
	if digits == 0 || kib > 1<<43 || !bytes.Equal(value[digits:], []byte(" kB")) {
		return false, fmt.Errorf("not a size in kB: %.40q", line)
	}
	*to += int64(kib) << 10 //nolint:gosec // bounded above
	return to == &m.RSSBytes, nil
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

// decimal parses the digits that b starts with and returns how many there are.
func decimal(b []byte) (v uint64, digits int) {
	for digits < len(b) && digits < 20 && b[digits] >= '0' && b[digits] <= '9' {
		v = v*10 + uint64(b[digits]-'0')
		digits++
	}
	return v, digits
}
