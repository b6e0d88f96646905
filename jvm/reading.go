package jvm

import (
	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/proc"
)

// LightReading reads a few numbers of a JVM at no cost for it, and without allocating
// after the first time, however large the JVM is. Use it from the goroutine of its
// Process, and not after that was closed.
type LightReading struct {
	process *Process
	tasks   *proc.Tasks
	buf     []byte // room for the counters
	text    []byte // the counters of the last Read; nil: unknown
	places  hsperf.Places
	cpuRead bool // by the last CPUMillis
}

// LightReading opens one descriptor, until Close. The counters are known after the
// first Query. ErrGone: the process ended.
func (p *Process) LightReading() (*LightReading, error) {
	tasks, err := proc.OpenTasks(p.proc, p.status.PID)
	if err != nil {
		return nil, err
	}
	return &LightReading{process: p, tasks: tasks}, nil
}

// Close closes the descriptor.
func (r *LightReading) Close() error { return r.tasks.Close() }

// Read reads the counters.
func (r *LightReading) Read() {
	r.text = nil
	if r.process.counters == nil {
		return // Query reports why
	}
	text, err := r.process.counters.ReadBytes(r.buf)
	if err != nil {
		return
	}
	r.buf = text
	if !r.places.Hold(text) {
		if r.places, err = hsperf.Locate(text); err != nil {
			return
		}
	}
	r.text = text
}

// Threads returns the number of threads now, and whether it is known.
func (r *LightReading) Threads() (n int64, ok bool) { return r.tasks.Count() }

// Classes returns Facts.Classes at the last Read, and whether it is known.
func (r *LightReading) Classes() (n int64, ok bool) { return r.places.Classes(r.text) }

// OldUsedBytes returns Old.UsedBytes at the last Read, and whether it is known.
func (r *LightReading) OldUsedBytes() (n int64, ok bool) { return r.places.OldUsedBytes(r.text) }

// CollectionMillis returns Facts.CollectionSeconds at the last Read, in milliseconds, and
// whether it is known.
func (r *LightReading) CollectionMillis() (n int64, ok bool) {
	return r.places.CollectionMillis(r.text)
}

// CollectionCPUMillis returns Facts.CollectionCPUSeconds at the last Read, in milliseconds, and
// whether it is known.
func (r *LightReading) CollectionCPUMillis() (n int64, ok bool) {
	return r.places.CollectionCPUMillis(r.text)
}

// OldCollections returns Old.Collections at the last Read, and whether it is known.
func (r *LightReading) OldCollections() (n int64, ok bool) { return r.places.OldCollections(r.text) }

// CPUMillis returns Facts.CPUSeconds now, in milliseconds, and whether it is known.
func (r *LightReading) CPUMillis() (n int64, ok bool) {
	spent, ok := r.process.cpuTime(&r.cpuRead)
	return spent.Milliseconds(), ok
}
