package evidence

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/threads"
)

const (
	// maxDumpThreads is the number of live threads up to which Thread.print is sent. All
	// of them are stopped while each stack is walked: with 950 threads of 10 frames for
	// 12 ms on JDK 17, 84 ms on 25, at most 75 and 250 ms (2 busy cores). Deeper stacks
	// take longer.
	maxDumpThreads = 1000
	maxNameBytes   = 100 // of a thread's name
	maxFrameBytes  = 300
)

// Stack is the stack that most threads of a pool have.
type Stack struct {
	// Name is the whole name of those threads with "#" for its numbers. That of the pool in
	// jvm.Facts is cut if the JVM's memory may not be read.
	Name string `json:"name"`
	// Threads is the number of threads of the pool that the JVM knows, without those of
	// native code.
	Threads int `json:"threads"`
	// Sharing is the number of them with this stack.
	Sharing int `json:"sharing"`
	// States is the number of threads by state: "TIMED_WAITING (sleeping)".
	States map[string]int `json:"states"`
	// Frames are the innermost frames, the innermost first, without the numbers of
	// generated classes; empty for HotSpot's own threads. Depth is the number of frames of the stack.
	Frames []string `json:"frames"`
	Depth  int      `json:"depth"`
	// Partial: more threads of the pool may have been in the part that is missing.
	Partial bool `json:"partial,omitempty"`
}

// PoolStack finds the most common stack in a pool of jvm.Facts.Threads. It takes two or
// three safepoints, and is refused (ErrTooManyThreads) where these are long.
func PoolStack(ctx context.Context, p *jvm.Process, pool string) (*Stack, error) {
	if _, err := p.Session(); err != nil {
		return nil, err
	}
	list, err := p.ReadThreads()
	if err != nil {
		return nil, err
	}
	if len(list) > maxDumpThreads {
		return nil, p.Refuse(ErrTooManyThreads,
			fmt.Sprintf("no stacks: the JVM has %d threads, and a thread dump of more than %d stops the application for too long", len(list), maxDumpThreads),
			"take a thread dump by hand when a pause is acceptable; jcmd in the JVM's container needs some 50 MiB of its limit")
	}
	members := ownIDs(p, threads.Members(list, pool))
	if len(members) == 0 {
		return nil, p.Refuse(ErrNoThread, fmt.Sprintf("no thread of the pool %q is alive", pool), "")
	}
	text, _, err := send(ctx, p, attach.ThreadPrint)
	if err != nil {
		return nil, err
	}
	dump, err := dcmd.ParseThreads(text)
	if err != nil {
		return nil, notParsed(p, attach.ThreadPrint, err)
	}
	stack := commonStack(members, dump)
	switch {
	case stack.Threads > 0:
		return stack, nil
	case stack.Partial:
		return nil, p.Refuse(ErrNoThread, fmt.Sprintf("the pool %q is in the part of the thread dump that was truncated", pool), "")
	}
	return nil, p.Refuse(ErrNoThread,
		fmt.Sprintf("the JVM does not know any of the %d threads of the pool %q: native code created them, or they ended", len(members), pool),
		"check the native libraries of the application")
}

// commonStack returns the stack that most members have; the first one if there are several.
func commonStack(members map[int]bool, dump dcmd.ThreadDump) *Stack {
	s := &Stack{States: make(map[string]int), Frames: []string{}, Partial: !dump.Complete}
	sharing := make(map[string]int)
	var most dcmd.Thread
	for _, t := range dump.Threads {
		if !members[t.NativeID] {
			continue
		}
		s.Threads++
		s.States[cmp.Or(jvm.Printable(t.State, maxNameBytes), "unknown")]++
		for i, frame := range t.Frames {
			t.Frames[i] = plain(frame)
		}
		stack := strings.Join(t.Frames, "\n")
		if sharing[stack]++; sharing[stack] > s.Sharing {
			s.Sharing, most = sharing[stack], t
		}
	}
	s.Name, s.Depth = jvm.Printable(threads.PoolName(most.Name), maxNameBytes), most.Depth
	for _, frame := range most.Frames {
		s.Frames = append(s.Frames, jvm.Printable(frame, maxFrameBytes))
	}
	return s
}

// ownIDs returns the threads' IDs in the JVM's own PID namespace, as a thread dump has
// them.
func ownIDs(p *jvm.Process, list []threads.Thread) map[int]bool {
	ids := make(map[int]bool)
	for _, t := range list {
		if id, ok := p.OwnThreadID(t); ok {
			ids[id] = true
		}
	}
	return ids
}
