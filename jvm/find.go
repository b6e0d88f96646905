package jvm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/threads"
)

var (
	// ErrNotJVM says that a process is no HotSpot JVM.
	ErrNotJVM = proc.ErrNotHotSpot
	// ErrGone says that the process ended (or never was).
	ErrGone = proc.ErrGone
)

// Identify tells whether a process is a HotSpot JVM: one that has mapped a
// libjvm.so (so that any launcher counts), or, where its mappings may not be
// read, one with HotSpot's own threads. The library is nil in the second case.
// ErrNotJVM and ErrGone are the expected errors.
func Identify(procfs string, pid int) (*proc.Library, error) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	f, err := os.Open(filepath.Join(dir, "maps"))
	if err == nil {
		defer f.Close()
		lib, err := proc.FindLibrary(f)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, proc.Gone(pid, err))
		}
		return lib, nil
	}
	if !errors.Is(err, os.ErrPermission) {
		return nil, proc.Gone(pid, err)
	}
	list, err := threads.Read(procfs, pid)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Name == "VM Thread" { // vmThread.cpp; kept whole by every JDK
			return nil, nil // a JVM whose library may not be seen
		}
	}
	return nil, fmt.Errorf("process %d: %w", pid, ErrNotJVM)
}
