package causes

import (
	"slices"
	"strings"
	"time"
)

// testCase is one leak.
type testCase struct {
	name string // in app/Leaks.java
	kind string // of the evidence
	// before is how many requests leak before the recording, rate how many a second then.
	before int
	rate   float64
	record time.Duration
	flags  []string
	from   int  // the first JDK that a library needs
	traced bool // by its calls, on JDKs that can
}

// cases returns the leaks of the application.
func cases() []testCase {
	// What young collections see does not depend on the memory of this machine.
	heap := []string{"-Xmx160m", "-Xmn48m"}
	var all []testCase
	add := func(kind string, before int, rate float64, record time.Duration, flags []string, names ...string) {
		for _, name := range names {
			all = append(all, testCase{name: name, kind: kind, before: before, rate: rate, record: record, flags: flags})
		}
	}
	add("threads", 100, 4, 15*time.Second, nil,
		"threads-executor", "threads-session", "threads-timer", "threads-client", "threads-spring", "threads-netty", "threads-async",
		"control-threads")
	add("class_loader", 60, 4, 15*time.Second, nil,
		"classes-script", "classes-groovy", "classes-proxy", "classes-plugin", "classes-xslt", "control-classes")
	add("heap", 10_000, 20, 150*time.Second, heap,
		"heap-cache", "heap-listener", "heap-jdbc", "heap-queue", "heap-futures", "heap-guava", "heap-audit",
		"control-heap")
	add("heap", 10_000, 20, 4*time.Minute, heap, "heap-threadlocal", "heap-session", "heap-metrics") // few samples or small objects
	add("direct_buffers", 500, 20, 25*time.Second, nil, "direct-upload")
	add("direct_buffers", 500, 60, 90*time.Second, nil, "direct-netty") // a chunk of 4 MiB for 64 of them
	add("zip", 500, 10, 25*time.Second, nil, "zip-deflater", "zip-gzip")
	add("mapped_files", 500, 20, 25*time.Second, nil, "mapped-index")
	add("sockets", 200, 4, 25*time.Second, nil, "sockets-client", "sockets-channel")
	for i := range all {
		if all[i].name == "heap-jdbc" {
			all[i].from = 11 // H2
		}
		all[i].traced = !slices.Contains([]string{"threads", "class_loader", "heap"}, all[i].kind)
	}
	return all
}

// control reports whether it leaks nothing: no line may be named.
func (c testCase) control() bool { return strings.HasPrefix(c.name, "control-") }

// leaks returns how many cases are no controls.
func leaks() (n int) {
	for _, c := range cases() {
		if !c.control() {
			n++
		}
	}
	return n
}

// firstTrace is the first JDK that traces calls.
const firstTrace = 25

// jdks are the JDKs on which each leak runs.
var jdks = []int{8, 11, 17, 21, 25}
