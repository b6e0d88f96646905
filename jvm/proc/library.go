package proc

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/jvmem/jvmem/jvm/pages"
)

// ErrNotHotSpot means that a process is not a HotSpot JVM.
var ErrNotHotSpot = errors.New("not a HotSpot JVM")

// Library is the libjvm.so that a process has mapped.
type Library struct {
	Path  string // below the process' root
	Base  uint64 // address of its first byte
	Inode uint64
}

// maxMapsBytes bounds a maps file: some 2.5 million mappings.
const maxMapsBytes = 256 << 20

// FindLibrary looks for libjvm.so in a /proc/<pid>/maps. Eclipse OpenJ9 has a
// libjvm.so too, but another attach protocol, and writes a dump file on SIGQUIT: a
// process that has mapped libj9vm is refused, so maps is always read to its end. The
// errors are ErrNotHotSpot, ErrGone for a process without any memory, and errors of
// the text.
func FindLibrary(maps io.Reader) (*Library, error) {
	var lib *Library
	var reader pages.Reader
	empty, openJ9 := true, false
	err := reader.ReadMaps(&bounded{maps, maxMapsBytes}, func(m *pages.Mapping) {
		empty = false
		if !strings.HasPrefix(m.Path, "/") {
			return
		}
		path := strings.TrimSuffix(m.Path, " (deleted)")
		name := filepath.Base(path)
		openJ9 = openJ9 || strings.HasPrefix(name, "libj9vm")
		if name == "libjvm.so" && m.Offset == 0 && lib == nil {
			lib = &Library{Path: path, Base: m.Start, Inode: m.Inode}
		}
	})
	switch {
	case openJ9:
		return nil, fmt.Errorf("%w: it runs Eclipse OpenJ9", ErrNotHotSpot)
	case err != nil:
		return nil, err
	case empty: // it ended, and no longer has memory
		return nil, ErrGone
	case lib == nil:
		return nil, ErrNotHotSpot
	}
	return lib, nil
}
