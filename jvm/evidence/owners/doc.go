// Package owners says who owns the native memory of a JVM: which blocks of malloc there are,
// or which are new since a Snapshot, and what refers to them. It only reads memory
// (/proc/<pid>/mem, pagemap and maps), so it needs the JVM's UID and GID but no attach,
// and works beside a JVM that is stopped.
//
// Names are never a guess. An owner is named where at least 90 % of a sample of its blocks
// agree; else the blocks are "not named", with their sizes, their count and the threads
// whose arena they are in. Objects that the collector has not removed yet refer to blocks
// too, so it is said what refers to a block, not what holds it.
//
// Sizes, counts and the names of libraries, symbols, classes, threads and categories are
// all that leaves; never the content of memory.
package owners
