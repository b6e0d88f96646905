package cgroup

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// noLimitV1 is the least value that v1 shows for "no limit": LONG_MAX rounded
// down to a page, here of 64 KiB, the largest in use. Kernels before 3.19 show
// LONG_MAX or ULONG_MAX.
const noLimitV1 = math.MaxInt64 &^ (64<<10 - 1)

// parseNumber accepts what the kernel prints: digits only, up to MaxInt64.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// parseLimit reads a limit; nil means none ("max", or v1's largest number).
func parseLimit(s string) (*int64, error) {
	if s == "max" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return nil, err
	}
	if n >= noLimitV1 {
		return nil, nil
	}
	v := int64(n)
	return &v, nil
}

// tighter returns the lower limit; nil is none.
func tighter(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// reader reads the files of one cgroup. It continues after an error: err is the first one
// of a file that exists but is not valid.
type reader struct {
	g   *Group
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// text returns the file's text without its line end, ok = false if it is
// missing: not in this kernel, or not configured (EOPNOTSUPP).
func (r *reader) text(file string) (s string, ok bool) {
	s, err := r.g.read(file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EOPNOTSUPP) {
			r.keep(err)
		}
		return "", false
	}
	return s, true
}

// number returns a single value; nil if the file is missing.
func (r *reader) number(file string) *int64 {
	s, ok := r.text(file)
	if !ok {
		return nil
	}
	n, err := parseNumber(strings.TrimSuffix(s, "\n"))
	if err != nil {
		r.keep(fail("parse", filepath.Join(r.g.name, file), err))
		return nil
	}
	return &n
}

// limit returns a limit and whether the file exists.
func (r *reader) limit(file string) (limit *int64, ok bool) {
	s, ok := r.text(file)
	if !ok {
		return nil, false
	}
	limit, err := parseLimit(strings.TrimSuffix(s, "\n"))
	if err != nil {
		r.keep(fail("parse", filepath.Join(r.g.name, file), err))
	}
	return limit, true
}

// flat returns a flat-keyed file; empty if it is missing.
func (r *reader) flat(file string) flat {
	s, _ := r.text(file)
	return flat(s)
}

// flat is the text of a flat-keyed file ("key value" lines: memory.stat,
// memory.events, memory.oom_control). Other keys and lines without a number are ignored: a
// kernel may add them. A last line without an end can be truncated within its number and
// is ignored. The first of equal keys counts. With some 1 KiB a search is cheaper than a
// map.
type flat []byte

// find returns the value of a key, and whether there is one.
func (f flat) find(key string) (int64, bool) {
	for rest := f; ; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		if !ended {
			return 0, false
		}
		rest = after
		if len(line) > len(key) && line[len(key)] == ' ' && string(line[:len(key)]) == key {
			if n, err := parseNumber(string(line[len(key)+1:])); err == nil {
				return n, true
			}
		}
	}
}

// total adds the values of the keys that exist; false if none does.
func (f flat) total(keys ...string) (sum int64, ok bool) {
	for _, key := range keys {
		n, known := f.find(key)
		sum, ok = sum+n, ok || known
	}
	return sum, ok
}

// value returns the value of a key, nil if there is none.
func (f flat) value(key string) *int64 { return known(f.find(key)) }

// sum is total as a pointer.
func (f flat) sum(keys ...string) *int64 { return known(f.total(keys...)) }

func known(n int64, ok bool) *int64 {
	if !ok {
		return nil
	}
	return &n
}
