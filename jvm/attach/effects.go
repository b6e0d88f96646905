package attach

import (
	"fmt"
	"time"
)

// Intervention is a command that acts on the JVM. It is sent only when a user requests it
// by hand (jvmem try), never by the sidecar.
type Intervention uint8

// The interventions.
const (
	RunGC          Intervention = iota + 1 // "GC.run": System.gc(), a full collection with most collectors
	TrimNativeHeap                         // "System.trim_native_heap": malloc_trim(3); JDK 17.0.9, 21 and newer
)

var interventionTexts = [...]string{RunGC: "GC.run", TrimNativeHeap: "System.trim_native_heap"}

// String returns the command.
func (i Intervention) String() string {
	if int(i) < len(interventionTexts) {
		return interventionTexts[i]
	}
	return ""
}

func (i Intervention) limit(o Options) time.Duration { return o.SlowTimeout }

// HeapDump is "GC.heap_dump" of all objects, without a collection before it, into a file of
// the JVM's /tmp that exists. THE APPLICATION STOPS until the dump is written: if the file is
// a FIFO, as long as its reader takes. The reply is waited for as long as the context lasts.
// Before JDK 17 the command has no -overwrite, and is refused.
type HeapDump struct {
	// NSPID of the JVM is part of the name of the file, see HeapDumpFile.
	NSPID int
	// Serial: one thread writes the objects. JDK 22 and newer otherwise write a file for each
	// thread; older ones do not know the option.
	Serial bool
}

// HeapDumpFile is the name of the file in the JVM's /tmp.
func HeapDumpFile(nspid int) string { return fmt.Sprintf(".jvmem_heap%d", nspid) }

// String returns the command.
func (d HeapDump) String() string {
	if d.NSPID <= 0 {
		return ""
	}
	serial := ""
	if d.Serial {
		serial = "-parallel=1 "
	}
	return "GC.heap_dump -all -overwrite " + serial + tmpDir + "/" + HeapDumpFile(d.NSPID)
}

func (HeapDump) limit(Options) time.Duration { return time.Hour } // the context's deadline is earlier
