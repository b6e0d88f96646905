package dcmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// VMInfo holds what one reply to VM.info reports about memory.
type VMInfo struct {
	// VMName and Version as printed: "OpenJDK 64-Bit Server VM",
	// "21.0.13+1-1-Debian"; empty if the line is missing.
	VMName, Version string

	// GC is "Serial", "Parallel", "CMS", "G1", "Shenandoah", "ZGC", "Epsilon",
	// or the VM's own name for one that is unknown here; empty if missing.
	GC string

	// Uptime is the time since the VM started; nil: unknown.
	Uptime *time.Duration

	// Ranges are the address ranges in the reply, sorted and disjoint: the heap
	// (reserved; Epsilon without compressed oops: committed; ZGC: none), the CDS
	// archives, the compressed class space (reserved), and the collector's card table,
	// refinement table and bitmaps (which may end inside of a page).
	Ranges []ranges.Range

	// CHeapOutstandingBytes is the memory that the whole process allocated with malloc and did
	// not free; CHeapRetainedBytes is freed memory that glibc retains. Both are rounded down
	// to KiB, and nil if unknown or overflowed ("may have wrapped", old glibc).
	CHeapOutstandingBytes, CHeapRetainedBytes *int64
}

// ParseVMInfo parses one reply to VM.info.
func ParseVMInfo(text string) (VMInfo, error) {
	var info VMInfo
	var p processSection
	inProcess, seenProcess := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		switch {
		case strings.HasPrefix(line, "# Java VM: ") && info.Version == "":
			info.VMName, info.Version, info.GC = parseJavaVM(line)
		case strings.HasPrefix(line, "Time: ") && info.Uptime == nil:
			info.Uptime = parseElapsed(line)
		case strings.HasPrefix(line, "C-Heap outstanding allocations: "):
			// The last one counts: output of the application is before it.
			info.CHeapOutstandingBytes, info.CHeapRetainedBytes = parseCHeap(line)
		case strings.Contains(line, "--  P R O C E S S") && !seenProcess:
			inProcess, seenProcess = true, true
		case inProcess && endsProcess(line):
			inProcess = false
		case inProcess:
			p.line(line)
		}
	}
	if !seenProcess {
		return VMInfo{}, fmt.Errorf("parse VM.info: no process section: %.80q", text)
	}
	info.Ranges = p.finish()
	return info, nil
}

// endsProcess recognizes the first line after the process section: the heap
// history prints former heaps in the same form.
func endsProcess(line string) bool {
	for _, prefix := range []string{"Polling page", "GC Heap History", "GC Heap Usage", "Metaspace:", "CodeHeap ", "CodeCache:", "Compilation ", "Dynamic libraries:", "---------------"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// parseJavaVM parses "# Java VM: OpenJDK 64-Bit Server VM (17.0.21+1, mixed
// mode, sharing, tiered, compressed oops, g1 gc, linux-amd64)".
func parseJavaVM(line string) (name, version, gc string) {
	line = strings.TrimPrefix(line, "# Java VM: ")
	name, about, ok := strings.Cut(line, " (")
	if !ok {
		return name, "", ""
	}
	parts := strings.Split(strings.TrimSuffix(about, ")"), ", ")
	for _, part := range parts[1:] {
		if word, ok := strings.CutSuffix(part, " gc"); ok {
			gc = gcName(word)
		}
	}
	return name, parts[0], gc
}

func gcName(word string) string {
	switch word {
	case "serial":
		return "Serial"
	case "parallel":
		return "Parallel"
	case "concurrent mark sweep":
		return "CMS"
	case "g1":
		return "G1"
	case "shenandoah":
		return "Shenandoah"
	case "z":
		return "ZGC"
	case "epsilon":
		return "Epsilon"
	}
	return word
}

// parseElapsed parses "... elapsed time: 7.064822 seconds (0d 0h 0m 7s)".
func parseElapsed(line string) *time.Duration {
	_, value, ok := strings.Cut(line, "elapsed time: ")
	if !ok {
		return nil
	}
	value, _, ok = strings.Cut(value, " seconds")
	seconds, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || !(seconds >= 0 && seconds < 1e9) {
		return nil
	}
	d := time.Duration(seconds * float64(time.Second))
	return &d
}

// parseCHeap parses "C-Heap outstanding allocations: 41885K, retained: 13866K".
func parseCHeap(line string) (outstanding, retained *int64) {
	a, okA := amountAfter(line, "allocations: ")
	b, okB := amountAfter(line, "retained: ")
	if !okA || !okB || strings.Contains(line, "wrapped") {
		return nil, nil
	}
	return &a, &b
}

// processSection collects the ranges in the process section.
type processSection struct {
	heap  heapLines
	other []ranges.Range
}

func (p *processSection) line(line string) {
	switch {
	case strings.HasPrefix(line, "Heap address: "):
		// Rounded down to MB, so the heap's own lines may add to it.
		start, ok := addressAfter(line, "Heap address: ")
		size, okSize := amountAfter(line, "size: ")
		if ok && okSize {
			p.heap.addRange([]uint64{start, start + uint64(size)})
		}
	case strings.HasPrefix(line, "CDS archive(s) mapped at: "):
		// [base of the static archive - its end - end of the dynamic archive)
		if a := addresses(line); len(a) == 3 {
			p.add(a[0], a[2], ranges.CDS)
		}
	case strings.HasPrefix(line, "Compressed class space mapped at: "):
		start, ok := addressAfter(line, "mapped at: ")
		end, okEnd := addressAfter(line, "-")
		if ok && okEnd {
			p.add(start, end, ranges.ClassSpace)
		}
	case strings.HasPrefix(line, "Compressed class space size: "): // JDK 11
		start, ok := addressAfter(line, "Address: ")
		_, value, _ := strings.Cut(line, "size: ")
		value, _, _ = strings.Cut(value, " ")
		size, err := strconv.ParseUint(value, 10, 64)
		if ok && err == nil {
			p.add(start, start+size, ranges.ClassSpace)
		}
	case strings.Contains(line, "byte_map: ["), strings.Contains(line, "Bits: "):
		if a := addresses(line); len(a) == 2 {
			p.add(a[0], a[1], ranges.GC)
		}
	default:
		p.heap.line(line)
	}
}

// add keeps a range; a part that is switched off is printed as an empty one.
func (p *processSection) add(start, end uint64, kind ranges.Kind) {
	if start < end {
		p.other = append(p.other, ranges.Range{Start: start, End: end, Kind: kind})
	}
}

func (p *processSection) finish() []ranges.Range {
	return ranges.Merge(coalesce(p.heap.ranges), p.other)
}
