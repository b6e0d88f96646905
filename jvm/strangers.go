package jvm

import (
	"maps"
	"slices"

	"github.com/jvmem/jvmem/jvm/proc"
)

// Strangers remembers the processes that are no JVM: to look through all mappings of
// each, each time, would cost more than a JVM's answer. It is for one goroutine at
// a time.
type Strangers struct {
	proc  string
	known map[int]stranger
}

type stranger struct {
	program program
	looks   int // since then
}

// program is what a process runs: exec changes the start of its main stack.
type program struct{ startTicks, stackStart uint64 }

// NewStrangers returns an empty set.
func NewStrangers(procfs string) *Strangers {
	return &Strangers{proc: procfs, known: make(map[int]stranger)}
}

// Add adds a process that Open found to be no JVM. A young one is not remembered: a
// launcher loads the JVM some time after it began. Nor is one whose program may not be seen.
func (s *Strangers) Add(pid int) {
	now, err := s.program(pid)
	if age := uptime(now.startTicks); err == nil && now.stackStart != 0 && age != nil && *age >= youngSeconds {
		s.known[pid] = stranger{program: now}
	}
}

// Known reports whether a process still runs what was added: no need to open it. Now and
// then it is not said all the same, as a program may load the JVM whenever it likes.
func (s *Strangers) Known(pid int) bool {
	was, ok := s.known[pid]
	if !ok {
		return false
	}
	now, err := s.program(pid)
	was.looks++
	if err != nil || now != was.program || was.looks >= renewEvery {
		delete(s.known, pid)
		return false
	}
	s.known[pid] = was
	return true
}

// Keep forgets all but these processes.
func (s *Strangers) Keep(pids []int) {
	maps.DeleteFunc(s.known, func(pid int, _ stranger) bool { return !slices.Contains(pids, pid) })
}

func (s *Strangers) program(pid int) (program, error) {
	stat, err := proc.ReadStat(s.proc, pid)
	return program{stat.StartTicks, stat.StackStart}, err
}
