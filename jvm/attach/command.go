package attach

import (
	"fmt"
	"strings"
	"time"
)

// Command is one diagnostic command of the fixed list: a Query, an Intervention, or one
// of the structs of this package, whose fields are numbers and values of lists. A
// command cannot be made from text: nothing else is ever sent to a JVM.
type Command interface {
	// String returns the command as it is sent, "" for one that is not in the list.
	String() string
	// limit is how long the reply is waited for.
	limit(Options) time.Duration
}

// Query is a command without an effect on the JVM.
type Query uint8

// The queries. None runs a collection. Those marked "safepoint" stop the application's
// threads for a short safepoint, ClassHistogram until every object was visited.
const (
	VMVersion           Query = iota + 1 // "VM.version"
	VMInfo                               // "VM.info": like the head of a crash report, here without the JVM's mappings; unknown to JDK 8
	NativeMemorySummary                  // "VM.native_memory summary": in KB
	NativeMemoryDetail                   // "VM.native_memory detail": up to some MB; needs NMT=detail
	MetaspaceBasic                       // "VM.metaspace basic": unknown to JDK 8
	MetaspaceNodes                       // "VM.metaspace show-loaders=false vslist=true": safepoint; unknown to JDK 8
	CodeCache                            // "Compiler.codecache": unknown to JDK 8
	HeapInfo                             // "GC.heap_info"
	ThreadPrint                          // "Thread.print": two or three safepoints, longer with more threads
	ClassLoaderStats                     // "VM.classloader_stats": safepoint
	NativeHeapInfo                       // "System.native_heap_info": malloc_info(3), locks one arena after the other; JDK 21 and newer
	// ClassHistogram is "GC.class_histogram -all". Without -all HotSpot first runs a
	// full collection, which stops the application 3 to 10 times as long (51 to 246 ms
	// for 1.5 million objects, 10 to 35 with -all), makes more memory resident (5 MiB
	// with G1, 32 with Serial, 47 with Parallel, of 48 MiB of objects: the container
	// may be killed for it), and resets the heap's history, which the diagnosis judges.
	// With -all, Serial, Parallel and G1 also count unreachable objects; ZGC and
	// Shenandoah never do.
	ClassHistogram
	CompilerMemory // "Compiler.memory": JDK 22 and newer
	RecordingCheck // "JFR.check": lists the recordings; from JDK 17 on it starts what JFR needs, see StartRecording
)

var queryTexts = [...]string{
	VMVersion:           "VM.version",
	VMInfo:              "VM.info",
	NativeMemorySummary: "VM.native_memory summary",
	NativeMemoryDetail:  "VM.native_memory detail",
	MetaspaceBasic:      "VM.metaspace basic",
	MetaspaceNodes:      "VM.metaspace show-loaders=false vslist=true",
	CodeCache:           "Compiler.codecache",
	HeapInfo:            "GC.heap_info",
	ThreadPrint:         "Thread.print",
	ClassLoaderStats:    "VM.classloader_stats",
	NativeHeapInfo:      "System.native_heap_info",
	ClassHistogram:      "GC.class_histogram -all",
	CompilerMemory:      "Compiler.memory",
	RecordingCheck:      "JFR.check",
}

// String returns the command.
func (q Query) String() string {
	if int(q) < len(queryTexts) {
		return queryTexts[q]
	}
	return ""
}

func (q Query) limit(o Options) time.Duration {
	if q == ClassHistogram || q == RecordingCheck {
		return o.SlowTimeout
	}
	return o.Timeout
}

// maxArgumentBytes is HotSpot's limit for one argument of a request
// (AttachOperation::arg_length_max).
const maxArgumentBytes = 1024

// majorOfVersion2 is the first JDK that is known to support version 2 of the protocol.
const majorOfVersion2 = 25

// badVersion is the code for a request of an unsupported version
// (ATTACH_ERROR_BADVERSION). The JVM also writes a line to the application's output.
const badVersion = 101

// request returns the bytes of one request to a JVM of a version (0: unknown). Up to 24
// that is version 1 of the protocol: the version, the operation "jcmd" and its three
// arguments, each ended by a zero byte.
//
// From 25 on a JVM writes to the client while a command runs, byte by byte and, for
// some commands, with all threads stopped: the application is stopped as long as the
// client does not read (1.1 s for a client that waited 1 s; VM.metaspace took 80 ms
// instead of 2 for one that did not). Version 2 (version, length of the rest, operation
// with options, arguments) can request the reply when it is complete.
func request(commands []Command, major int) ([]byte, error) {
	var lines []string
	for _, c := range commands {
		text := c.String()
		if text == "" {
			return nil, fmt.Errorf("command %#v is not in the list", c)
		}
		lines = append(lines, text)
	}
	argument := strings.Join(lines, "\n")
	if argument == "" {
		return nil, fmt.Errorf("no command")
	}
	if len(argument) > maxArgumentBytes {
		return nil, fmt.Errorf("%d bytes of commands, a JVM takes %d", len(argument), maxArgumentBytes)
	}
	if major < majorOfVersion2 {
		return []byte("1\x00jcmd\x00" + argument + "\x00\x00\x00"), nil
	}
	rest := "jcmd streaming=0\x00" + argument + "\x00"
	return fmt.Appendf(nil, "2\x00%d\x00%s", len(rest), rest), nil
}
