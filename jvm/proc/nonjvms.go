package proc

import (
	"maps"
	"slices"
)

const (
	// minAgeSeconds is the age below which a process is not remembered: a launcher loads
	// libjvm.so some time after it started.
	minAgeSeconds = 30
	// recheckEvery is after how many calls of Contains a process is forgotten: any
	// program may load libjvm.so later.
	recheckEvery = 6
)

// NonJVMs remembers processes that are not JVMs, because reading the mappings of each of them
// for every sample is expensive. Not safe for concurrent use.
type NonJVMs struct {
	proc  string
	known map[int]nonJVM
}

type nonJVM struct {
	program program
	checks  int // calls of Contains since it was added
}

// program identifies what a process runs: exec changes the start of its main stack.
type program struct{ startTicks, stackStart uint64 }

// NewNonJVMs returns an empty set.
func NewNonJVMs(procfs string) *NonJVMs {
	return &NonJVMs{proc: procfs, known: make(map[int]nonJVM)}
}

// Add adds a process that was found not to be a JVM. It ignores a process that is younger
// than 30 s, and one whose program cannot be identified for lack of permission.
func (s *NonJVMs) Add(pid int) {
	now, err := s.program(pid)
	if age := Uptime(now.startTicks); err == nil && now.stackStart != 0 && age != nil && *age >= minAgeSeconds {
		s.known[pid] = nonJVM{program: now}
	}
}

// Contains reports whether a process still runs the program that it ran when it was
// added. Every sixth call forgets the process.
func (s *NonJVMs) Contains(pid int) bool {
	was, ok := s.known[pid]
	if !ok {
		return false
	}
	now, err := s.program(pid)
	was.checks++
	if err != nil || now != was.program || was.checks >= recheckEvery {
		delete(s.known, pid)
		return false
	}
	s.known[pid] = was
	return true
}

// Keep forgets all but these processes.
func (s *NonJVMs) Keep(pids []int) {
	maps.DeleteFunc(s.known, func(pid int, _ nonJVM) bool { return !slices.Contains(pids, pid) })
}

func (s *NonJVMs) program(pid int) (program, error) {
	stat, err := readStat(s.proc, pid)
	return program{stat.StartTicks, stat.StackStart}, err
}
