package cgroup

import (
	"bytes"
	"os"
	"time"
)

// Pressure counts what a shortage of memory causes, since the cgroup was created. nil means
// that this kernel or hierarchy does not report it.
type Pressure struct {
	// RefaultBytes is the size of the pages that were needed again soon after they were reclaimed
	// (workingset_refault_file and _anon, workingset_refault before Linux 5.9; not on
	// every v1 kernel).
	RefaultBytes *int64
	// MajorFaults counts page faults that had to read the page (pgmajfault).
	MajorFaults *int64
	// Stalled is how long no process of the cgroup could run, because all waited for memory:
	// "full" of v2 memory.pressure; nil on v1, and without pressure stall information.
	// https://docs.kernel.org/accounting/psi.html
	Stalled *time.Duration
}

// pressureOf reads memory.stat, whose keys have a prefix on v1, and memory.pressure.
func pressureOf(stat flat, prefix string, pressure []byte) Pressure {
	p := Pressure{RefaultBytes: known(refaults(stat, prefix)), MajorFaults: stat.value(prefix + "pgmajfault")}
	if stalled, ok := stalledMicros(pressure); ok {
		p.Stalled = new(time.Duration(stalled) * time.Microsecond)
	}
	return p
}

func refaults(stat flat, prefix string) (bytes int64, ok bool) {
	pages, ok := stat.total(prefix+"workingset_refault_file", prefix+"workingset_refault_anon")
	if !ok {
		pages, ok = stat.find(prefix + "workingset_refault")
	}
	return pages * int64(os.Getpagesize()), ok
}

// stalledMicros returns the total of the line "full avg10=0.00 avg60=0.00 avg300=0.00
// total=21094287".
func stalledMicros(pressure []byte) (int64, bool) {
	_, full, found := bytes.Cut(pressure, []byte("full "))
	line, _, ended := bytes.Cut(full, []byte{'\n'})
	_, total, named := bytes.Cut(line, []byte("total="))
	if !found || !ended || !named {
		return 0, false
	}
	n, err := parseNumber(string(total))
	return n, err == nil
}
