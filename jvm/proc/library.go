package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNotHotSpot says that a process is no HotSpot JVM.
var ErrNotHotSpot = errors.New("not a HotSpot JVM")

// Library is the libjvm.so that a process has mapped.
type Library struct {
	Path  string // below the process' root
	Base  uint64 // address of its first byte
	Inode uint64
}

const (
	maxMapsBytes = 256 << 20 // some 2.5 million mappings
	maxMapsLine  = 64 << 10  // a path has at most 4096 bytes, each printed as up to 4
)

// FindLibrary looks for libjvm.so in a /proc/<pid>/maps. Eclipse OpenJ9 ships a
// libjvm.so too, but has another attach protocol and answers SIGQUIT with a
// dump file: it is refused, so maps is read to its end. The errors are
// ErrNotHotSpot, ErrGone for a process without any memory, and what is wrong
// with the text.
func FindLibrary(maps io.Reader) (*Library, error) {
	var lib *Library
	scan := scanLines(maps, maxMapsBytes, maxMapsLine)
	empty := true
	for scan.Scan() {
		empty = false
		line := scan.Bytes()
		slash := bytes.IndexByte(line, '/')
		if slash < 0 {
			continue
		}
		path := strings.TrimSuffix(string(line[slash:]), " (deleted)")
		switch name := filepath.Base(path); {
		case strings.HasPrefix(name, "libj9vm"):
			return nil, fmt.Errorf("%w: it runs Eclipse OpenJ9", ErrNotHotSpot)
		case name != "libjvm.so" || lib != nil:
			continue
		}
		fields := strings.Fields(string(line[:slash])) // start-end perm offset major:minor inode
		if len(fields) != 5 {
			return nil, fmt.Errorf("mapping of libjvm.so: %.40q", line)
		}
		if strings.Trim(fields[2], "0") != "" {
			continue // a later part of the file
		}
		start, _, _ := strings.Cut(fields[0], "-")
		base, err := strconv.ParseUint(start, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("mapping of libjvm.so: %w", err)
		}
		inode, err := strconv.ParseUint(fields[4], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("mapping of libjvm.so: %w", err)
		}
		lib = &Library{Path: path, Base: base, Inode: inode}
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	if empty { // it ended, and has no memory any more
		return nil, ErrGone
	}
	if lib == nil {
		return nil, ErrNotHotSpot
	}
	return lib, nil
}
