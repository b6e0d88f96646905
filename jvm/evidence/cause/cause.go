package cause

import "time"

// Kind is what leaks. Where it has a verdict of the diagnosis, it has its name.
type Kind string

// The kinds.
const (
	Threads       Kind = "threads"
	ClassLoader   Kind = "class_loader"
	Heap          Kind = "heap"
	DirectBuffers Kind = "direct_buffers"
	MappedFiles   Kind = "mapped_files"
	Zip           Kind = "zip"
	Sockets       Kind = "sockets"
	// Native is DirectBuffers and Zip, for a JVM that does not tell them apart: without Native
	// Memory Tracking both are malloc of unknown purpose.
	Native Kind = "native"
)

// Cause is a line of code and what it leaks.
type Cause struct {
	// Line is the first frame of code that is neither of the JDK, nor of a known library, nor
	// generated. If there is none, it is the first one of a library.
	Line Line `json:"line"`
	// Count is the number of threads, classes, calls or samples from it, Share that of all
	// that count, 0 to 1.
	Count int     `json:"count"`
	Share float64 `json:"share"`
	// What it creates most: the name of the threads with "#" for numbers, a class.
	What string `json:"what,omitempty"`
	// GainedBytes is what the live objects of the line gained while it was recorded, if that
	// is how it was found; Share is that of Finding.GainedBytes then.
	GainedBytes int64 `json:"gained_bytes,omitempty"`
	// HeldBy is what refers to most of the objects: a static field, a thread. "" if it was
	// not recorded.
	HeldBy string `json:"held_by,omitempty"`
	// Stack is one of the stacks, the innermost frame first. Frames that are folded are one
	// entry: "java.util.concurrent (3 frames)".
	Stack []string `json:"stack"`
}

// Finding is the result.
type Finding struct {
	Kind Kind `json:"kind"`
	// Causes are the top three lines, the one that leaks most first; empty if none may be
	// named, which Reason explains.
	Causes []Cause `json:"causes"`
	Reason string  `json:"reason,omitempty"`
	// Total is the number of threads, classes, calls or samples that count, also those from
	// no line.
	Total int `json:"total"`
	// From and To are the time that was recorded.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// OldCollected is when the last collection of the old generation began, which finds the
	// objects in it that stay; zero: there was none, or it is not needed.
	OldCollected time.Time `json:"old_collected,omitzero"`
	// GainedBytes is what all live objects gained, if the line was found by that.
	GainedBytes int64 `json:"gained_bytes,omitempty"`
	// Seen is how it was seen: "jdk.ThreadStart, jdk.ThreadEnd".
	Seen string `json:"seen"`
	// Sampled: the counts are of a sample, not of all.
	Sampled bool `json:"sampled,omitempty"`
	// Notes limit what the counts say.
	Notes []string `json:"notes,omitempty"`
}
