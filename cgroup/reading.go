package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Reading is a light reading of a cgroup: the part of Memory that is cheap to read. nil
// means that this kernel does not report it. Its pointers point into the Reading itself,
// so a Reading must not be copied, and the next Read into it overwrites them.
type Reading struct {
	Time              time.Time `json:"time"`
	UsageBytes        int64     `json:"usage_bytes"`
	AnonBytes         *int64    `json:"anon_bytes"`
	FileBytes         *int64    `json:"file_bytes"` // with shmem
	ShmemBytes        *int64    `json:"shmem_bytes"`
	InactiveFileBytes *int64    `json:"inactive_file_bytes"`
	ActiveFileBytes   *int64    `json:"active_file_bytes"`
	// SlabReclaimableBytes is part of KernelBytes; nil on v1.
	SlabReclaimableBytes *int64 `json:"slab_reclaimable_bytes,omitempty"`
	KernelBytes          *int64 `json:"kernel_bytes"`
	LimitBytes           *int64 `json:"-"` // as Memory.LimitBytes
	OOMKills             *int64 `json:"-"` // as Events.OOMKills
	// As Pressure. StalledMicros is known to Group.Read only.
	RefaultBytes, MajorFaults, StalledMicros *int64 `json:"-"`

	room room
}

// WorkingSetBytes is Memory.WorkingSetBytes, and whether it is known.
func (r *Reading) WorkingSetBytes() (n int64, ok bool) {
	return workingSet(r.UsageBytes, r.InactiveFileBytes)
}

// ReclaimableBytes is Memory.ReclaimableBytes, and whether it is known.
func (r *Reading) ReclaimableBytes() (n int64, ok bool) {
	return reclaimable(r.InactiveFileBytes, r.ActiveFileBytes, r.SlabReclaimableBytes)
}

// UnreclaimableBytes is the memory that the kernel cannot reclaim without swap, a lower
// bound: usage without Memory.ReclaimableBytes.
func (r *Reading) UnreclaimableBytes() *int64 {
	n, ok := r.ReclaimableBytes()
	return known(max(r.UsageBytes-n, 0), ok)
}

func workingSet(usage int64, inactiveFile *int64) (n int64, ok bool) {
	if inactiveFile == nil {
		return 0, false
	}
	return max(usage-*inactiveFile, 0), true
}

func reclaimable(inactiveFile, activeFile, slab *int64) (n int64, ok bool) {
	if inactiveFile == nil || activeFile == nil {
		return 0, false
	}
	n = *inactiveFile + *activeFile
	if slab != nil {
		n += *slab
	}
	return n, true
}

// lightFiles are the names of the files of a Reading.
type lightFiles struct {
	usage, stat, events string
	kernel              string   // "": part of stat
	pressure            string   // "": there is none
	limits              []string // of the cgroup and its visible ancestors; none: part of stat
}

func (g *Group) lightFiles() lightFiles {
	if g.Path.Version == 1 {
		return lightFiles{usage: g.usageFile(), stat: "memory.stat", events: "memory.oom_control", kernel: "memory.kmem.usage_in_bytes"}
	}
	f := lightFiles{usage: g.usageFile(), stat: "memory.stat", events: "memory.events", pressure: "memory.pressure"}
	for up := 0; up <= g.above; up++ {
		f.limits = append(f.limits, strings.Repeat("../", up)+"memory.max")
	}
	return f
}

// fill reads the files with read, which reads as much of a file as there is room for. Its
// error is fs.ErrNotExist where the kernel has no such file. After an error of fill
// nothing is known.
func (r *Reading) fill(f *lightFiles, read func(file string, buf []byte) ([]byte, error)) (err error) {
	r.room.used = 0
	r.Time = time.Now()
	r.LimitBytes, r.SlabReclaimableBytes, r.KernelBytes, r.StalledMicros = nil, nil, nil, nil
	buf := r.room.buf[:]
	if r.UsageBytes, err = number(read(f.usage, buf[:numberBytes])); err != nil {
		return fmt.Errorf("%s: %w", f.usage, err)
	}
	text, err := read(f.stat, buf)
	if err != nil {
		return fmt.Errorf("%s: %w", f.stat, err)
	}
	r.stat(flat(text), f.kernel == "")
	if f.kernel != "" {
		n, err := number(read(f.kernel, buf[:numberBytes]))
		if err == nil {
			r.KernelBytes = r.room.put(n, true)
		} else if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, fs.ErrNotExist) { // not configured
			return fmt.Errorf("%s: %w", f.kernel, err)
		}
	}
	for _, file := range f.limits {
		n, limited, err := limit(read(file, buf[:numberBytes]))
		if errors.Is(err, fs.ErrNotExist) {
			break // the root cgroup has no limits
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if limited && r.LimitBytes == nil {
			r.LimitBytes = r.room.put(n, true)
		} else if limited {
			*r.LimitBytes = min(*r.LimitBytes, n)
		}
	}
	text, err = read(f.events, buf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", f.events, err)
	}
	r.OOMKills = r.room.put(flat(text).find("oom_kill"))
	if f.pressure != "" {
		if text, err = read(f.pressure, buf); err == nil { // a kernel may lack it, or have it switched off
			r.StalledMicros = r.room.put(stalledMicros(text))
		}
	}
	return nil
}

// stat reads the values of memory.stat.
func (r *Reading) stat(stat flat, v2 bool) {
	if v2 {
		r.RefaultBytes, r.MajorFaults = r.room.put(refaults(stat, "")), r.room.put(stat.find("pgmajfault"))
		r.AnonBytes, r.FileBytes, r.ShmemBytes = r.room.put(stat.find("anon")), r.room.put(stat.find("file")), r.room.put(stat.find("shmem"))
		r.InactiveFileBytes, r.ActiveFileBytes = r.room.put(stat.find("inactive_file")), r.room.put(stat.find("active_file"))
		r.SlabReclaimableBytes = r.room.put(stat.find("slab_reclaimable"))
		kernel, _, known := kernelTotalV2(stat)
		r.KernelBytes = r.room.put(kernel, known)
		return
	}
	r.RefaultBytes, r.MajorFaults = r.room.put(refaults(stat, "total_")), r.room.put(stat.find("total_pgmajfault"))
	r.AnonBytes, r.FileBytes, r.ShmemBytes = r.room.put(stat.find("total_rss")), r.room.put(stat.find("total_cache")), r.room.put(stat.find("total_shmem"))
	r.InactiveFileBytes, r.ActiveFileBytes = r.room.put(stat.find("total_inactive_file")), r.room.put(stat.find("total_active_file"))
	if n, ok := stat.find("hierarchical_memory_limit"); ok && n < noLimitV1 {
		r.LimitBytes = r.room.put(n, true)
	}
}

const (
	numberBytes = 24 // 19 digits and a line end
	// flatBytes is far above the longest, memory.stat, with 1 to 2 KiB.
	flatBytes = 4 << 10
)

// room holds the numbers that the pointers refer to, and the text that is read for them.
type room struct {
	buf     [flatBytes]byte
	numbers [roomFor]int64
	used    int
}

// roomFor is the number of numbers in a Reading.
const roomFor = 12

// put returns a pointer to a number, nil if it is not known.
func (r *room) put(n int64, known bool) *int64 {
	if !known {
		return nil
	}
	p := &r.numbers[r.used]
	*p, r.used = n, r.used+1
	return p
}

// number parses a file with one number.
func number(text []byte, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	line, whole := bytes.CutSuffix(text, []byte("\n"))
	n, err := parseNumber(string(line))
	if err != nil || !whole {
		return 0, fmt.Errorf("%q is no number", string(text))
	}
	return n, nil
}

// limit parses a file with a number or "max"; false: no limit.
func limit(text []byte, err error) (n int64, ok bool, _ error) {
	if err != nil || string(text) == "max\n" {
		return 0, false, err
	}
	n, err = number(text, nil)
	return n, err == nil && n < noLimitV1, err
}

// readAt reads as much of a file as there is room for.
func readAt(f *os.File, buf []byte) ([]byte, error) {
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}
