// Package jfr reads the files of JDK Flight Recorder: whole recordings, chunks that were cut
// off, and the chunk that a JVM is still writing.
//
// It is driven by the metadata in the file, so it knows no event type and no version. Of the
// events only those that the caller names are decoded; those that can hold a secret are
// refused (ErrSecret). The rest of a file is skipped unread.
//
// # Format
//
// A recording is a sequence of independent chunks. A chunk is a header of 68 bytes followed
// by records, each with its size and the ID of its type:
//
//	0  "FLR\0"               40 duration (ns)
//	4  major, minor (u2)     48 start (ticks)
//	8  size of the chunk     56 ticks per second
//	16 last checkpoint       64 generation: 0 when the chunk is complete (JDK 14 and newer)
//	24 metadata              67 bit 0: integers are compressed (LEB128, at most 9 bytes)
//	32 start (ns since 1970)
//
//	type 0   metadata: strings, and a tree of elements that describes the classes
//	type 1   checkpoint: constants by class and key: symbols, methods, stack traces
//	others   events
//
// Sources: OpenJDK src/hotspot/share/jfr/recorder/repository/jfrChunk*.cpp,
// jfr/writers/jfrEncoders.hpp, jfr/recorder/checkpoint; src/jdk.jfr/share/classes/jdk/jfr/
// internal/consumer/{ChunkHeader,ChunkParser,MetadataReader,StringParser}.java.
//
// The offsets in the header are not used: all records are visited in order, once for the
// metadata and the constants, once for the events. So a chunk whose header is not final is
// read as far as it is complete.
//
//	JDK      open chunk                       file name while it is written
//	8, 11    no metadata before the end:      .part
//	         ErrNoMetadata
//	17 on    metadata and constants follow    .jfr
//	         each flush, once a second
//
// # Limits
//
// A file is untrusted input. Memory is bounded by Budget.PoolBytes (metadata and constants)
// and an event of at most 1 MiB, time by Budget.Work. Nothing is executed, and no path in a
// file is opened.
package jfr
