package evidence

import (
	"cmp"
	"context"
	"fmt"
	"sort"
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
	maxGroups      = 20
)

// Stacks are the stacks of the threads of a pool.
type Stacks struct {
	// Threads is the number of threads of the pool that the JVM knows, without those of
	// native code.
	Threads int `json:"threads"`
	// States is the number of threads by state: "TIMED_WAITING (sleeping)".
	States map[string]int `json:"states"`
	// Groups are the threads by stack: those with the twenty stacks that most threads have, the most
	// common first.
	Groups []Group `json:"groups"`
	// Partial: more threads of the pool may have been in the part that is missing.
	Partial bool `json:"partial,omitempty"`
}

// Group is the threads with one stack.
type Group struct {
	// Name is the whole name of the threads with "#" for its numbers. That of the pool in
	// jvm.Facts is cut if the JVM's memory may not be read.
	Name string `json:"name"`
	// Sharing is the number of threads.
	Sharing int `json:"sharing"`
	// Frames are the innermost frames, the innermost first, without the numbers of
	// generated classes; empty for HotSpot's own threads. Depth is the number of frames of the stack.
	Frames []string `json:"frames"`
	Depth  int      `json:"depth"`
}

// PoolStacks groups the threads of a pool of jvm.Facts.Threads by stack. It takes two or
// three safepoints, and is refused (ErrTooManyThreads) where these are long.
func PoolStacks(ctx context.Context, p *jvm.Process, pool string) (*Stacks, error) {
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
	stacks := group(members, dump)
	switch {
	case stacks.Threads > 0:
		return stacks, nil
	case stacks.Partial:
		return nil, p.Refuse(ErrNoThread, fmt.Sprintf("the pool %q is in the part of the thread dump that was truncated", pool), "")
	}
	return nil, p.Refuse(ErrNoThread,
		fmt.Sprintf("the JVM does not know any of the %d threads of the pool %q: native code created them, or they ended", len(members), pool),
		"check the native libraries of the application")
}

// group groups the members by stack. Of two stacks that are as common, the one that is
// first in the dump is the first.
func group(members map[int]bool, dump dcmd.ThreadDump) *Stacks {
	s := &Stacks{States: make(map[string]int), Groups: []Group{}, Partial: !dump.Complete}
	index := make(map[string]int)
	for _, t := range dump.Threads {
		if !members[t.NativeID] {
			continue
		}
		s.Threads++
		s.States[cmp.Or(jvm.Printable(t.State, maxNameBytes), "unknown")]++
		frames := make([]string, 0, len(t.Frames))
		for _, frame := range t.Frames {
			frames = append(frames, strings.Clone(jvm.Printable(plain(frame), maxFrameBytes))) // the reply is not kept
		}
		stack := strings.Join(frames, "\n")
		i, ok := index[stack]
		if !ok {
			i = len(s.Groups)
			index[stack] = i
			name := strings.Clone(jvm.Printable(threads.PoolName(t.Name), maxNameBytes))
			s.Groups = append(s.Groups, Group{Name: name, Frames: frames, Depth: t.Depth})
		}
		s.Groups[i].Sharing++
	}
	sort.SliceStable(s.Groups, func(i, j int) bool { return s.Groups[i].Sharing > s.Groups[j].Sharing })
	s.Groups = s.Groups[:min(len(s.Groups), maxGroups)]
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

// Unlisted returns the most threads that can share a stack that is not in Groups; 0: all
// are in it. It is unknown if the dump is Partial.
func (s *Stacks) Unlisted() int {
	left := s.Threads
	for _, g := range s.Groups {
		left -= g.Sharing
	}
	if left == 0 {
		return 0
	}
	return min(left, s.Groups[len(s.Groups)-1].Sharing)
}
