package proc

import (
	"maps"
	"slices"
)

const (
	// minAgeSeconds is the age below which a process is not remembered: a launcher loads
	// libjvm.so some time after it started.
	minAgeSeconds = 30
	// recheckEvery is after how many calls of Contains a process is forgotten if the size of
	// its address space has changed: any program may load libjvm.so later.
	recheckEvery = 6
	// lastingSeconds is the age from which on a process hardly ever runs another program, as
	// scripts do that wait for something before they start a JVM.
	lastingSeconds = 120
	// skips is how many calls of Still take such a process for the same one, and moves how
	// often it is then examined before it counts as added again.
	skips, moves = 14, 2
)

// NonJVMs remembers processes that are not JVMs, because reading the mappings of each of them
// for every sample is expensive. Not safe for concurrent use.
type NonJVMs struct {
	proc  string
	known map[int]nonJVM
	added int // processes, so far
	// lastingSeconds is the constant, but in tests.
	lastingSeconds float64
	buf            [usualStatBytes]byte
}

type nonJVM struct {
	program program
	size    uint64 // of its address space when it was examined
	serial  int
	checks  int // calls of Contains or Still since it was added
	lasting bool
	moves   int    // left
	inode   uint64 // as Entry.Inode, in the last call of Still; 0: there was none
}

// program identifies what a process runs: exec changes the start of its main stack.
type program struct{ startTicks, stackStart uint64 }

// NewNonJVMs returns an empty set.
func NewNonJVMs(procfs string) *NonJVMs {
	return &NonJVMs{proc: procfs, known: make(map[int]nonJVM), lastingSeconds: lastingSeconds}
}

// Add adds a process that was found not to be a JVM. It ignores a process that is younger
// than 30 s, and one whose program cannot be identified for lack of permission.
func (s *NonJVMs) Add(pid int) {
	now, size, err := s.program(pid)
	if age := Uptime(now.startTicks); err == nil && now.stackStart != 0 && age != nil && *age >= minAgeSeconds {
		s.remember(pid, now, size)
	}
}

func (s *NonJVMs) remember(pid int, of program, size uint64) {
	was := s.known[pid]
	age := Uptime(of.startTicks)
	now := nonJVM{program: of, size: size, lasting: age != nil && *age >= s.lastingSeconds}
	if now.serial, now.moves = was.serial, was.moves-1; !now.lasting || was.program != of || was.moves == 0 {
		s.added++
		now.serial, now.moves = s.added, moves
	}
	s.known[pid] = now
}

// Added returns a number that changes when a process is examined again, of one that has run
// for two minutes when that happens for the third time; not ok if the process is not known.
func (s *NonJVMs) Added(pid int) (serial int, ok bool) {
	known, ok := s.known[pid]
	return known.serial, ok
}

// Contains reports whether a process still runs the program that it ran when it was
// added. Every sixth call forgets the process if it has mapped memory since then.
func (s *NonJVMs) Contains(pid int) bool {
	was, ok := s.known[pid]
	if !ok {
		return false
	}
	now, size, err := s.program(pid)
	was.checks++
	switch {
	case err != nil, now != was.program, was.checks >= recheckEvery && size != was.size:
		delete(s.known, pid)
		return false
	case was.checks >= recheckEvery:
		s.remember(pid, now, size)
	default:
		s.known[pid] = was
	}
	return true
}

// Still is Contains for a process of a listing that was just made. A process that has run for
// two minutes is examined by each fifteenth call only, as long as its inode is the same: it may
// have run another program for as long as that.
func (s *NonJVMs) Still(e Entry) bool {
	was := s.known[e.PID]
	if was.lasting && was.inode != 0 && was.inode == e.Inode && was.checks < skips {
		was.checks++
		s.known[e.PID] = was
		return true
	}
	if !s.Contains(e.PID) {
		return false
	}
	was = s.known[e.PID]
	was.inode = e.Inode
	s.known[e.PID] = was
	return true
}

// Keep forgets all but these processes, which are sorted.
func (s *NonJVMs) Keep(pids []int) {
	maps.DeleteFunc(s.known, func(pid int, _ nonJVM) bool {
		_, keep := slices.BinarySearch(pids, pid)
		return !keep
	})
}

func (s *NonJVMs) program(pid int) (of program, size uint64, err error) {
	stat, err := readStat(s.proc, pid, s.buf[:])
	return program{stat.StartTicks, stat.StackStart}, stat.SizeBytes, err
}
