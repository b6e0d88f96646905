// Package jvm finds the HotSpot JVMs of a PID namespace (jvm/proc) and reads their
// memory.
//
// A Process asks its JVM (Ask) by three ways that need ever less of its help:
// diagnostic commands over the attach protocol (jvm/attach), the counters in
// hsperfdata (jvm/hsperf), and HotSpot's own tables in its memory
// (jvm/vmstructs). Then it walks the mappings (Walk) and counts what is resident
// in each range that got a name (jvm/pages, jvm/ranges). What it found are Facts.
//
// Evidence is asked for once, when something is first suspected, as all of it makes
// the application wait: PoolStack, ClassLoaders, NativeHeap, Histogram. These need an
// Ask before, which learns whether the JVM may be attached to at all. They end with
// their context, and after 5 s in any case (Histogram: 30 s). Their error is ErrGone,
// or an *attach.Error whose Reason and Fix are for people. A reply that was cut, at 8
// MiB, gives what it holds.
//
// A Handle is what is kept of a JVM to be there when it ends: when, how, and what its
// counters said last.
//
// It never signals a process but through jvm/attach, writes nothing but the
// attach handshake's trigger file, and sends only the commands of a fixed list.
//
// Kernel documents: Documentation/filesystems/proc.rst, admin-guide/mm/pagemap.rst.
package jvm
