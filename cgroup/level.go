package cgroup

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Level is what a cgroup is at, a part of Memory that is cheap to read. nil means
// that this kernel does not tell.
type Level struct {
	UsageBytes        int64  `json:"usage_bytes"`
	AnonBytes         *int64 `json:"anon_bytes"`
	FileBytes         *int64 `json:"file_bytes"` // with shmem
	ShmemBytes        *int64 `json:"shmem_bytes"`
	InactiveFileBytes *int64 `json:"inactive_file_bytes"`
	ActiveFileBytes   *int64 `json:"active_file_bytes"`
	// SlabReclaimableBytes is part of KernelBytes; nil on v1.
	SlabReclaimableBytes *int64 `json:"slab_reclaimable_bytes,omitempty"`
	KernelBytes          *int64 `json:"kernel_bytes"`
}

// WorkingSetBytes is Memory.WorkingSetBytes, and whether it is known.
func (l *Level) WorkingSetBytes() (n int64, ok bool) {
	if l.InactiveFileBytes == nil {
		return 0, false
	}
	return max(l.UsageBytes-*l.InactiveFileBytes, 0), true
}

// ReclaimableBytes is Memory.ReclaimableBytes, and whether it is known.
func (l *Level) ReclaimableBytes() (n int64, ok bool) {
	if l.InactiveFileBytes == nil || l.ActiveFileBytes == nil {
		return 0, false
	}
	n = *l.InactiveFileBytes + *l.ActiveFileBytes
	if l.SlabReclaimableBytes != nil {
		n += *l.SlabReclaimableBytes
	}
	return n, true
}

// UnreclaimableBytes returns what the kernel cannot take back without swap, a lower
// bound: usage without what Memory.ReclaimableBytes counts.
func (l *Level) UnreclaimableBytes() *int64 {
	n, ok := l.ReclaimableBytes()
	return known(max(l.UsageBytes-n, 0), ok)
}

// Glance is a reading of a Meter for who reads for ever: nothing is allocated for it.
// What its pointers point to is overwritten by the next one, so don't copy it.
type Glance struct {
	Level
	LimitBytes *int64 // as Memory.LimitBytes
	OOMKills   *int64 // as Events.OOMKills

	room room
}

// Glance reads Level, limit and the counter of kills. After an error nothing of it
// is known.
func (m *Meter) Glance(g *Glance) error {
	g.room.used = 0
	var err error
	if g.Level, g.LimitBytes, err = m.level(&g.room); err != nil {
		return err
	}
	for _, f := range m.limits {
		n, ok, err := m.limit(f, g.room.buf[:])
		if err != nil {
			return err
		}
		if ok && g.LimitBytes == nil {
			g.LimitBytes = g.room.put(n, true)
		} else if ok {
			*g.LimitBytes = min(*g.LimitBytes, n)
		}
	}
	n, ok, err := m.kills(g.room.buf[:])
	g.OOMKills = g.room.put(n, ok)
	return err
}

// Level reads usage and memory.stat, which makes the kernel add up what its CPUs
// counted: dearer than Usage.
func (m *Meter) Level() (Level, error) {
	level, _, err := m.level(new(room))
	return level, err
}

// level puts the numbers into r. The limit is nil on v2.
func (m *Meter) level(r *room) (l Level, limit *int64, err error) {
	usage, err := m.number(m.usage, r.buf[:])
	if err != nil {
		return Level{}, nil, err
	}
	text, err := m.read(m.stat, r.buf[:])
	if err != nil {
		return Level{}, nil, err
	}
	stat := flat(text)
	if m.version == 2 {
		kernel, _, known := kernelTotalV2(stat)
		return Level{
			UsageBytes: usage, AnonBytes: r.put(stat.find("anon")), FileBytes: r.put(stat.find("file")), ShmemBytes: r.put(stat.find("shmem")),
			InactiveFileBytes: r.put(stat.find("inactive_file")), ActiveFileBytes: r.put(stat.find("active_file")),
			SlabReclaimableBytes: r.put(stat.find("slab_reclaimable")), KernelBytes: r.put(kernel, known),
		}, nil, nil
	}
	l = Level{
		UsageBytes: usage, AnonBytes: r.put(stat.find("total_rss")), FileBytes: r.put(stat.find("total_cache")), ShmemBytes: r.put(stat.find("total_shmem")),
		InactiveFileBytes: r.put(stat.find("total_inactive_file")), ActiveFileBytes: r.put(stat.find("total_active_file")),
	}
	if n, ok := stat.find("hierarchical_memory_limit"); ok && n < noLimitV1 {
		limit = r.put(n, true)
	}
	if m.kernel != nil {
		kernel, err := m.number(m.kernel, r.buf[:])
		if err == nil {
			l.KernelBytes = r.put(kernel, true)
		} else if !errors.Is(err, unix.EOPNOTSUPP) { // not configured
			return l, limit, err
		}
	}
	return l, limit, nil
}

// limit reads a file with a number or "max"; false: none.
func (m *Meter) limit(f *os.File, buf []byte) (n int64, ok bool, err error) {
	text, err := m.read(f, buf[:numberBytes])
	if err != nil || string(text) == "max\n" {
		return 0, false, err
	}
	n, err = parseNumber(string(bytes.TrimSuffix(text, []byte{'\n'})))
	if err != nil {
		return 0, false, fail("parse", f.Name(), err)
	}
	return n, n < noLimitV1, nil
}
