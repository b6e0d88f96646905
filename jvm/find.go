package jvm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/process"
)

// ErrNotJVM says that a process is no HotSpot JVM.
var ErrNotJVM = errors.New("not a HotSpot JVM")

// Library is the libjvm.so that a process has mapped.
type Library struct {
	Path  string // below the process' root
	Base  uint64 // address of its first byte
	Inode uint64
}

// PIDs lists the processes that this PID namespace shows.
func PIDs(ctx context.Context, proc string) ([]int, error) {
	ctx = context.WithValue(ctx, common.EnvKey, common.EnvMap{common.HostProcEnvKey: proc})
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes in %s: %w", proc, err)
	}
	out := make([]int, len(pids))
	for i, pid := range pids {
		out[i] = int(pid)
	}
	return out, nil
}

// Identify tells whether a process is a HotSpot JVM: one that has mapped a
// libjvm.so (so that any launcher counts), or, where its mappings may not be
// read, one with HotSpot's own threads. The library is nil in the second case.
// ErrNotJVM and ErrGone are the expected errors.
func Identify(proc string, pid int) (*Library, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	f, err := os.Open(filepath.Join(dir, "maps"))
	if err == nil {
		defer f.Close()
		lib, err := findLibrary(f)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, gone(pid, err))
		}
		return lib, nil
	}
	if !errors.Is(err, os.ErrPermission) {
		return nil, gone(pid, err)
	}
	threads, err := readThreads(proc, pid)
	if err != nil {
		return nil, err
	}
	for _, t := range threads {
		if t.name == "VM Thread" { // vmThread.cpp; kept whole by every JDK
			return nil, nil // a JVM whose library may not be seen
		}
	}
	return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
}

// findLibrary looks for libjvm.so in a /proc/<pid>/maps. Eclipse OpenJ9 ships a
// libjvm.so too, but has another attach protocol and answers SIGQUIT with a
// dump file: it is refused.
func findLibrary(maps io.Reader) (*Library, error) {
	var lib *Library
	scan := bufio.NewScanner(maps)
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
			return nil, fmt.Errorf("%w: it runs Eclipse OpenJ9", ErrNotJVM)
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
		return nil, ErrNotJVM
	}
	return lib, nil
}
