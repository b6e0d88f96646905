package vmstructs

import (
	"errors"
	"fmt"
	"io"
)

// ErrNoCounters means that the JVM runs with -XX:-UsePerfData.
var ErrNoCounters = errors.New("the JVM keeps no performance counters")

const usePerfData = "UsePerfData"

// Counters returns the memory that holds the JVM's performance counters, in the format of
// the hsperfdata file, also if it has no such file. Valid until Close. Needs
// Options.Counters. Errors are ErrGone, ErrNoCounters, and one for a JVM that is starting
// and has not set them up.
func (r *Reader) Counters() (*io.SectionReader, error) {
	start, size, err := r.perfMemory()
	if err != nil {
		return nil, fmt.Errorf("vmstructs: counters: %w", err)
	}
	return io.NewSectionReader(r.memory.source, int64(start), int64(size)), nil
}

// perfMemory is PerfMemory::_start and _capacity (runtime/perfMemory.hpp).
func (r *Reader) perfMemory() (start, size uint64, err error) {
	if start, err = r.static(fieldName{"PerfMemory", "_start"}); err != nil {
		return 0, 0, err
	}
	if start == 0 {
		if on, err := r.flagTrue(usePerfData); err != nil || !on {
			return 0, 0, errors.Join(err, ErrNoCounters)
		}
		return 0, 0, errors.New("the JVM has not set them up yet")
	}
	if size, err = r.static(fieldName{"PerfMemory", "_capacity"}); err != nil {
		return 0, 0, err
	}
	if start >= addressLimit || size > addressLimit-start {
		return 0, 0, fmt.Errorf("implausible %d bytes at %#x", size, start)
	}
	return start, size, nil
}
