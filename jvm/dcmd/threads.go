package dcmd

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxFrames is how many frames of a stack are kept, the innermost ones.
const MaxFrames = 16

// ThreadDump is one reply to Thread.print. Virtual threads are not in it.
type ThreadDump struct {
	Threads []Thread
	// Complete is false if the end of the reply is missing. The thread that the
	// cut hit is left out.
	Complete bool
}

// Thread is one thread known to the JVM. Threads of native code that never attached are not.
type Thread struct {
	// Name is the application's: any text, of any length.
	Name string
	// NativeID is the thread's ID in the JVM's own PID namespace, 0 if it was not
	// printed.
	NativeID int
	// Java is false for threads of HotSpot's own, which run no Java code.
	Java bool
	// State is "TIMED_WAITING (sleeping)" and the like of a Java thread, "runnable"
	// or "waiting on condition" of one of HotSpot's, and "" of a thread that carries
	// a virtual thread.
	State string
	// Frames are the innermost MaxFrames, the innermost first, as
	// "java.lang.Thread.run(Thread.java:840)". Threads that run no Java code have
	// none.
	Frames []string
	// Depth is the number of frames, also of those that are not kept.
	Depth int
}

// ParseThreads parses one reply to Thread.print.
func ParseThreads(text string) (ThreadDump, error) {
	const state, frame, carried, end = "   java.lang.Thread.State: ", "\tat ", "   Mounted virtual thread", "JNI global ref"
	var dump ThreadDump
	var t *Thread // whose lines come; nil between two threads
	name := -1    // where the name began whose end comes; -1: nowhere
	at := 0
	for line := range strings.Lines(text) {
		start := at
		at += len(line)
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, `"`) {
			t, name = nil, start+1
		}
		if quote, ok := header(line); ok && name >= 0 {
			dump.Threads = append(dump.Threads, parseHeader(line[quote+1:]))
			t = &dump.Threads[len(dump.Threads)-1]
			t.Name = text[min(name, start+quote) : start+quote]
			name = -1
			continue
		}
		switch {
		case t == nil && name < 0 && strings.HasPrefix(line, end):
			dump.Complete = true
		case t == nil:
		case line == "" || strings.HasPrefix(line, carried): // that one's frames follow
			t = nil
		case strings.HasPrefix(line, state):
			t.State = line[len(state):]
		case strings.HasPrefix(line, frame):
			if t.Depth++; t.Depth <= MaxFrames {
				t.Frames = append(t.Frames, withoutModule(line[len(frame):]))
			}
		}
		if dump.Complete { // what follows is about deadlocks
			break
		}
	}
	if !dump.Complete && len(dump.Threads) > 0 {
		dump.Threads = dump.Threads[:len(dump.Threads)-1]
	}
	if len(dump.Threads) == 0 {
		return ThreadDump{}, fmt.Errorf("parse Thread.print: no thread: %.80q", text)
	}
	return dump, nil
}

// header finds the quote that ends a thread's name: the last one, as no other is
// printed after it.
func header(line string) (quote int, ok bool) {
	quote = strings.LastIndexByte(line, '"')
	if quote < 0 {
		return 0, false
	}
	return quote, strings.Contains(line[quote:], " tid=0x")
}

// parseHeader reads what follows a name: ` #33 [22203] daemon prio=5 os_prio=0
// cpu=0.10ms elapsed=1.40s tid=0x00007fc4180d7430 nid=22203 runnable  [0x...]`.
func parseHeader(rest string) Thread {
	t := Thread{Java: strings.HasPrefix(rest, " #")}
	// From JDK 21 on; a thread that carries a virtual one has no other ID.
	_, id, ok := strings.Cut(rest, " nid=")
	if !ok && t.Java {
		_, id, _ = strings.Cut(rest, " [")
		id, _, _ = strings.Cut(id, "]")
	}
	id, words, _ := strings.Cut(id, " ")
	t.NativeID = nativeID(id)
	if !t.Java {
		t.State = strings.TrimSpace(words)
	}
	return t
}

// nativeID reads an ID, which is hexadecimal up to JDK 18; 0 if it is none.
func nativeID(text string) int {
	id, err := strconv.ParseInt(text, 0, 32)
	if err != nil || id < 0 {
		return 0
	}
	return int(id)
}

// withoutModule makes "a.B.c(java.base@21/B.java:1)" "a.B.c(B.java:1)".
func withoutModule(frame string) string {
	open := strings.LastIndexByte(frame, '(')
	slash := strings.LastIndexByte(frame, '/')
	if open < 0 || slash < open {
		return frame
	}
	return frame[:open+1] + frame[slash+1:]
}
