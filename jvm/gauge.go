package jvm

import (
	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/proc"
)

// Gauge reads the few numbers of a JVM that cost it nothing, and us next to nothing,
// however large it is: after the first time nothing is allocated. It is for the
// goroutine of its Process, and of no use after that is closed.
type Gauge struct {
	process *Process
	tasks   *proc.Tasks
	buf     []byte // room for the counters
	text    []byte // what was read of them last; nil: nothing is known
	places  hsperf.Places
}

// Gauge opens what is not open already: one descriptor, until Close. ErrGone: the
// process ended.
func (p *Process) Gauge() (*Gauge, error) {
	tasks, err := proc.OpenTasks(p.proc, p.status.PID)
	if err != nil {
		return nil, err
	}
	return &Gauge{process: p, tasks: tasks}, nil
}

// Close releases the descriptor.
func (g *Gauge) Close() error { return g.tasks.Close() }

// Read reads the counters anew.
func (g *Gauge) Read() {
	g.text = nil
	if g.process.perf == nil {
		return // Ask tells why
	}
	text, err := g.process.perf.ReadBytes(g.buf)
	if err != nil {
		return
	}
	g.buf = text
	if !g.places.Hold(text) {
		if g.places, err = hsperf.Locate(text); err != nil {
			return
		}
	}
	g.text = text
}

// Threads is how many threads the process has now, and whether that is known.
func (g *Gauge) Threads() (n int64, ok bool) { return g.tasks.Count() }

// Classes is Facts.Classes at the last Read, and whether it is known.
func (g *Gauge) Classes() (n int64, ok bool) { return g.places.Classes(g.text) }

// OldUsedBytes is Old.UsedBytes at the last Read, and whether it is known.
func (g *Gauge) OldUsedBytes() (n int64, ok bool) { return g.places.OldUsedBytes(g.text) }

// OldCollections is Old.Collections at the last Read, and whether it is known.
func (g *Gauge) OldCollections() (n int64, ok bool) { return g.places.OldCollections(g.text) }
