package jvm

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/threads"
)

const (
	// maxDumpThreads is the most live threads that Thread.print is sent for. It
	// stops all of them while it walks each stack: at 950 threads of 10 frames 12 ms
	// on JDK 17, 84 ms on 25, the longest 75 and 250 ms (2 busy cores), and deeper
	// stacks take longer.
	maxDumpThreads = 1000
	maxNameBytes   = 100 // of a thread's name; the kernel keeps 15
	maxFrameBytes  = 300
)

// PoolStack is what the threads of one pool do: the stack that most of them share.
type PoolStack struct {
	// Name is the whole name of those threads with "#" for its numbers: the
	// kernel's, and so the pool's in Facts, is cut.
	Name string `json:"name"`
	// Threads is how many of the pool the JVM knows: not those of native code.
	Threads int `json:"threads"`
	// Sharing is how many of them have this stack.
	Sharing int `json:"sharing"`
	// States is how many threads are in which state: "TIMED_WAITING (sleeping)".
	States map[string]int `json:"states"`
	// Frames are the innermost of the stack, the innermost first; empty for threads
	// of HotSpot's own. Depth is how many there are.
	Frames []string `json:"frames"`
	Depth  int      `json:"depth"`
	// Partial: more threads of the pool may have been in the part that is missing.
	Partial bool `json:"partial,omitempty"`
}

// PoolStack finds the most common stack in a pool of Facts.Threads. It takes two or
// three safepoints, and is refused (ErrTooManyThreads) where these are long.
func (p *Process) PoolStack(ctx context.Context, pool string) (*PoolStack, error) {
	if err := p.refresh(); err != nil {
		return nil, err
	}
	list, err := threads.Read(p.proc, p.status.PID)
	if err != nil {
		return nil, err
	}
	if len(list) > maxDumpThreads {
		return nil, p.refuse(ErrTooManyThreads,
			fmt.Sprintf("no stacks: the JVM has %d threads, and a thread dump stops all of them for long above %d", len(list), maxDumpThreads),
			"take one by hand when a pause does no harm; jcmd in the JVM's container needs some 50 MiB of its limit")
	}
	members := p.members(list, pool)
	if len(members) == 0 {
		return nil, p.refuse(ErrNoThread, fmt.Sprintf("no thread of the pool %q is alive", pool), "")
	}
	text, _, err := p.demand(ctx, attach.ThreadPrint)
	if err != nil {
		return nil, err
	}
	dump, err := dcmd.ParseThreads(text)
	if err != nil {
		return nil, p.notUnderstood(attach.ThreadPrint, err)
	}
	stack := poolStack(members, dump)
	switch {
	case stack.Threads > 0:
		return stack, nil
	case stack.Partial:
		return nil, p.refuse(ErrNoThread, fmt.Sprintf("the pool %q is in the part of the thread dump that was cut", pool), "")
	}
	return nil, p.refuse(ErrNoThread, fmt.Sprintf("the JVM knows none of the %d threads of the pool %q: native code made them, or they ended", len(members), pool),
		"look at the native libraries of the application")
}

// members returns the threads of a pool by their IDs in the JVM's own PID
// namespace. How JDK 26 and newer abbreviate a pool's name may have changed since
// it was told.
func (p *Process) members(list []threads.Thread, pool string) map[int]bool {
	members := make(map[int]bool)
	for _, t := range threads.Members(list, pool) {
		if id, ok := p.ownID(t); ok {
			members[id] = true
		}
	}
	return members
}

// poolStack takes the stack that most members share, of equals the first.
func poolStack(members map[int]bool, dump dcmd.ThreadDump) *PoolStack {
	s := &PoolStack{States: make(map[string]int), Frames: []string{}, Partial: !dump.Complete}
	sharing := make(map[string]int)
	var most dcmd.Thread
	for _, t := range dump.Threads {
		if !members[t.NativeID] {
			continue
		}
		s.Threads++
		s.States[cmp.Or(Printable(t.State, maxNameBytes), "unknown")]++
		stack := strings.Join(t.Frames, "\n")
		if sharing[stack]++; sharing[stack] > s.Sharing {
			s.Sharing, most = sharing[stack], t
		}
	}
	s.Name, s.Depth = Printable(threads.PoolName(most.Name), maxNameBytes), most.Depth
	for _, frame := range most.Frames {
		s.Frames = append(s.Frames, Printable(frame, maxFrameBytes))
	}
	return s
}
