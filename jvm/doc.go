// Package jvm finds the HotSpot JVMs of a PID namespace and reads their memory. It is the
// only door to one JVM.
//
//	Open       a process that is a JVM
//	Query      what the JVM reports: hsperfdata (jvm/hsperf), HotSpot's own tables
//	           (jvm/vmstructs), diagnostic commands (jvm/attach, jvm/dcmd, jvm/nmt)
//	Resident   its resident pages by range (jvm/ranges, jvm/resident, jvm/pages), and its
//	           threads (jvm/threads)
//	Reuse      the same from the last count, while nothing shows that it changed
//
// Query returns Answers, which Resident and Reuse complete to Facts. Each step works with
// less than all sources, and Facts.Sources says what is missing and how to enable it.
// When to count and when to query again is decided by resident.Policy alone.
//
// A LightReading reads a few counters between two queries. A Handle keeps what is needed
// when the JVM ends: when and how it ended, and its final counters. A Session sends single
// commands, for jvm/evidence.
//
// The package never signals a process except through jvm/attach, writes nothing except
// the attach handshake's trigger file, and sends only the commands of a fixed list.
//
// Kernel documents: Documentation/filesystems/proc.rst, admin-guide/mm/pagemap.rst.
package jvm
