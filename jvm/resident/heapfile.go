package resident

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// errNoHeapFile: the heap is then unknown, never 0.
var errNoHeapFile = errors.New("the JVM has no descriptor of ZGC's heap file: the size of the heap is unknown, its memory is reported in shmem")

// HeapFileBytes returns the allocated size of ZGC's heap file: all of it is charged,
// mapped or not. fds is a /proc/<pid>/fd.
func HeapFileBytes(fds string) (int64, error) {
	entries, err := os.ReadDir(fds)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := filepath.Join(fds, e.Name())
		if target, err := os.Readlink(name); err != nil || !strings.HasPrefix(target, ranges.HeapFile) {
			continue
		}
		var stat unix.Stat_t
		if err := unix.Stat(name, &stat); err == nil {
			return stat.Blocks * 512, nil
		}
	}
	return 0, errNoHeapFile
}
