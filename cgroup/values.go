package cgroup

import (
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

// parseFlat reads a flat-keyed file ("key value" lines: memory.stat,
// memory.events, memory.oom_control). Unknown keys are kept and lines that are
// no number passed over: a kernel may add what we don't know. A last line
// without an end may be cut inside its number and is dropped. The first of
// equal keys wins.
func parseFlat(s string) map[string]int64 {
	values := make(map[string]int64, strings.Count(s, "\n"))
	for {
		line, rest, ended := strings.Cut(s, "\n")
		if !ended {
			return values
		}
		s = rest
		key, number, _ := strings.Cut(line, " ")
		n, err := parseNumber(number)
		if _, seen := values[key]; err == nil && key != "" && !seen {
			values[key] = n
		}
	}
}

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

// tighter returns the smaller limit; nil is none.
func tighter(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// reader reads the files of one cgroup and keeps going: the first error of a
// file that exists but can't be used is kept in err.
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
	return parseFlat(s)
}

// flat holds the values of a flat-keyed file.
type flat map[string]int64

// value returns the value of a key, nil if there is none.
func (f flat) value(key string) *int64 {
	n, ok := f[key]
	if !ok {
		return nil
	}
	return &n
}

// sum adds the values of the keys that exist; nil if none does.
func (f flat) sum(keys ...string) *int64 {
	var total *int64
	for _, k := range keys {
		if n, ok := f[k]; ok {
			if total == nil {
				total = new(int64)
			}
			*total += n
		}
	}
	return total
}
