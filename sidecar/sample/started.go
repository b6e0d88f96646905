package sample

import (
	"context"
	"errors"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/proc"
)

// startSeconds is the age from which on a JVM counts as started although it does not
// handle SIGQUIT: it runs with -Xrs.
const startSeconds = 5

// started reports whether a JVM handles SIGQUIT, which is when it can be attached to.
func started(s proc.Status) bool {
	age := proc.Uptime(s.StartTicks)
	return s.CatchesQuit || age != nil && *age >= startSeconds
}

// Started reports whether there is a started JVM that no sample has read, or only while it
// was starting. It reads little, so that it can be called each second.
func (s *Sampler) Started(ctx context.Context) bool {
	pids := []int{s.options.PID}
	if s.options.PID == 0 {
		var err error
		if pids, err = proc.PIDs(s.options.Proc); err != nil {
			return false // the next sample has the error
		}
	}
	for _, pid := range pids {
		m := s.jvms[pid]
		if m != nil && m.started || m == nil && s.nonJVMs.Contains(pid) {
			continue
		}
		status, err := proc.ReadStatus(s.options.Proc, pid)
		if err != nil || !started(status) {
			continue
		}
		if m != nil {
			return true
		}
		p, err := jvm.Open(s.options.Proc, pid)
		if err == nil {
			_ = p.Close() // nothing was opened
			return true
		}
		if errors.Is(err, jvm.ErrNotJVM) {
			s.nonJVMs.Add(pid)
		}
	}
	return false
}

// Starting reports whether the last sample read a JVM that was starting.
func (s *Sampler) Starting() bool {
	for _, m := range s.jvms {
		if !m.started {
			return true
		}
	}
	return false
}
