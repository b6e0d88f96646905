package attach

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// Intervention is a command that acts on the JVM. It is sent only when a user requests it
// by hand (jvmem try, jvmem evidence --gains), never by the sidecar.
type Intervention uint8

// The interventions.
const (
	RunGC          Intervention = iota + 1 // "GC.run": System.gc(), a full collection with most collectors
	TrimNativeHeap                         // "System.trim_native_heap": malloc_trim(3); JDK 17.0.9, 21 and newer
	CountLive                              // "GC.class_histogram": runs a full collection, and counts what is left
)

var interventionTexts = [...]string{RunGC: "GC.run", TrimNativeHeap: "System.trim_native_heap", CountLive: "GC.class_histogram"}

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
// JDK 8 and older updates of 11 know no -overwrite, and refuse it.
type HeapDump struct {
	// NSPID of the JVM is part of the name of the file, see HeapDumpFile.
	NSPID int
	// Serial: one thread writes the objects. JDK 22 and newer otherwise write a file for each
	// thread; older ones do not know the option.
	Serial bool
}

// HeapDumpFile is the name of the file in the JVM's /tmp.
func HeapDumpFile(nspid int) string { return fmt.Sprintf(".jvmem_heap%d", nspid) }

// HeapDumpObjects is the name of a second file, into which JDK 22 and newer write the objects
// (DumpMerger::get_writer_path).
func HeapDumpObjects(dump string) string { return dump + ".p0" }

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

// RecordingName is the name of jvmem's recordings.
const RecordingName = "jvmem"

// Setting is a setting of an event of a recording.
type Setting struct{ Event, Name, Value string }

// StartRecording is "JFR.start". The first recording makes the JVM use some 20 MiB more for
// good, and takes it about a second of CPU time.
//
// The recording ends by itself, and is then removed, because it has a file: without one a
// JVM keeps it as stopped, or writes one to its working directory (JDK 25). What is recorded
// is in the open chunk of its repository until then.
type StartRecording struct {
	Settings []Setting
	// Duration is rounded up to seconds.
	Duration time.Duration
	// NSPID, if it is not 0: the settings are in SettingsFile. JDK 8 and 11 know no others.
	NSPID int
}

// SettingsFile is the name of the file in the JVM's /tmp with the settings of a recording.
func SettingsFile(nspid int) string { return fmt.Sprintf(".jvmem_jfr%d", nspid) }

// String returns the command.
func (r StartRecording) String() string {
	text := fmt.Sprintf("JFR.start name=%s dumponexit=false maxsize=16M filename=/dev/null duration=%ds", RecordingName, int(math.Ceil(r.Duration.Seconds())))
	switch {
	case r.Duration <= 0 || len(r.Settings) == 0:
		return ""
	case r.NSPID > 0:
		return text + " settings=" + tmpDir + "/" + SettingsFile(r.NSPID)
	}
	text += " settings=none"
	for _, s := range r.Settings {
		if !s.plain() {
			return ""
		}
		text += fmt.Sprintf(" +%s#%s=%s", s.Event, s.Name, strings.ReplaceAll(s.Value, " ", "")) // "0 ns" is "0ns" on the command line
	}
	return text
}

func (StartRecording) limit(o Options) time.Duration { return o.SlowTimeout }

// plain reports whether a setting needs no quotes, and is of an event of the JDK.
func (s Setting) plain() bool {
	return strings.HasPrefix(s.Event, "jdk.") && s.Value != "" &&
		!strings.ContainsFunc(s.Event+s.Name+strings.ReplaceAll(s.Value, " ", ""), func(r rune) bool {
			return !strings.ContainsRune(".:;<>_$/", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
		})
}

// DumpRecording is "JFR.dump" of jvmem's recording to nowhere. It goes on in another chunk, and
// the samples of objects, which JFR keeps until a recording is dumped or ends, are in the last one.
type DumpRecording struct{}

// String returns the command.
func (DumpRecording) String() string {
	return "JFR.dump name=" + RecordingName + " filename=/dev/null"
}

func (DumpRecording) limit(o Options) time.Duration { return o.SlowTimeout }

// StopRecording is "JFR.stop" of jvmem's recording.
type StopRecording struct{}

// String returns the command.
func (StopRecording) String() string { return "JFR.stop name=" + RecordingName }

func (StopRecording) limit(o Options) time.Duration { return o.SlowTimeout }
