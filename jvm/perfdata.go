package jvm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/hsperf"
)

// maxPerfData bounds hsperfdata: -XX:PerfDataMemorySize is 32 KiB by default.
const maxPerfData = 1 << 20

var (
	errNoPerfData      = errors.New("the JVM has mapped no hsperfdata file")
	errPerfDataDeleted = errors.New("the JVM's hsperfdata file was deleted (by a cleaner of /tmp?)")
)

// readPerfData reads the counters from the file that the JVM has mapped. Its
// descriptor is kept: it outlives the file, and the JVM.
func (p *Process) readPerfData() (*hsperf.Data, error) {
	if p.perf == nil {
		f, err := openPerfData(p.proc, p.status.PID)
		if err != nil {
			return nil, err
		}
		p.perf = f
	}
	text, err := readPerfText(p.perf, p.perfText)
	if err != nil {
		return nil, err
	}
	p.perfText = text
	if p.perfData == nil {
		p.perfData = new(hsperf.Data)
	}
	return p.perfData, p.perfData.Renew(text)
}

// readPerfText reads the whole file into the buffer, or into a longer one.
func readPerfText(f *os.File, buffer []byte) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat hsperfdata: %w", err)
	}
	size := int(min(info.Size(), maxPerfData))
	buffer = slices.Grow(buffer[:0], size)[:size]
	n, err := f.ReadAt(buffer, 0)
	if err != nil && !errors.Is(err, io.EOF) { // it may have been cut meanwhile
		return nil, fmt.Errorf("read hsperfdata: %w", err)
	}
	return buffer[:n], nil
}

// openPerfData finds the file through the mappings: its name depends on the
// user's and may collide in a shared /tmp, its inode can't.
func openPerfData(procfs string, pid int) (*os.File, error) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	maps, err := os.Open(filepath.Join(dir, "maps"))
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	path, inode := "", uint64(0)
	for scan := bufio.NewScanner(maps); scan.Scan() && path == ""; {
		if !strings.Contains(scan.Text(), "/hsperfdata_") {
			continue
		}
		fields := strings.Fields(scan.Text())
		if len(fields) == 7 { // "(deleted)"
			return nil, errPerfDataDeleted
		}
		if len(fields) == 6 {
			path = fields[5]
			inode, _ = strconv.ParseUint(fields[4], 10, 64)
		}
	}
	if path == "" {
		return nil, errNoPerfData
	}
	root := filepath.Join(dir, "root")
	if below, err := os.Readlink(root); err == nil {
		path = strings.TrimPrefix(path, strings.TrimSuffix(below, "/")) // a chroot that we see from outside
	}
	handle, err := pathrs.OpenInRoot(root, path)
	if err != nil {
		return nil, fmt.Errorf("open hsperfdata: %w", err)
	}
	defer handle.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("stat hsperfdata: %w", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Ino != inode {
		return nil, errors.New("another file took the place of the JVM's hsperfdata")
	}
	file, err := pathrs.Reopen(handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open hsperfdata: %w", err)
	}
	return file, nil
}
