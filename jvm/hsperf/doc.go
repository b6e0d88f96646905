// Package hsperf reads hsperfdata: the counters that a HotSpot JVM keeps in a shared file
// (/tmp/hsperfdata_<user>/<pid>), on by default (-XX:+UsePerfData). Reading them costs
// the JVM nothing: no handshake, no pause.
//
// Open finds the file by the JVM's mappings and opens it inside the JVM's root, so that
// a link cannot lead out of the container. New reads the same bytes from the JVM's
// memory: a JVM has no file if its UID has no name, if it cannot write to /tmp, and with
// -XX:+PerfDisableSharedMem. Parse takes the bytes. Neither
// returns what may contain secrets (arguments of the VM and of the application): Flag
// returns one named VM flag.
//
// # Consistency
//
// The JVM writes the counters one by one, without a lock or a sequence number. A copy
// taken during a collection can mix counters from before and after it. Classes and
// threads are counted as they change. With some collectors (below) heap sizes are those
// after the last collection: use GC.heap_info for current sizes.
//
// Prologue.Accessible is 0 while the JVM starts (ErrNotReady). Counters are added while
// the JVM runs; an entry is complete before the prologue counts it. A truncated file, or
// one with a damaged entry, returns the entries before the damage, and Truncated.
//
// # Format
//
// Prologue, 32 bytes: magic 0xcafec0c0 (big endian), byte order (1 = little),
// major and minor version (2.0 since JDK 1.5), accessible; then in that byte
// order used, overflow int32; modification time stamp int64; offset of the
// first entry, number of entries int32. Entry: length, name offset, vector
// length int32; type, flags, units, variability byte; data offset int32, all
// offsets from the entry's start. Type J is one int64, B with a vector length a
// string that ends with a zero byte.
//
// # What differs by version and collector
//
// Tried with JDK 8, 11, 17, 21, 25, 26, 27, 28 and every collector they have:
//
//	what                         where
//	sun.os.hrt.ticks             to JDK 24: nil Uptime from 25 on
//	used of eden, survivors, old frozen between collections: Serial and Parallel
//	                             from 25 on, ZGC on every JDK
//	generation 0                 missing: Epsilon, ZGC without generations
//	generation 1                 holds the whole heap: Epsilon, Shenandoah, ZGC without generations
//	sun.gc.collector.*           missing: Epsilon, ZGC of JDK 11; ZGC counts in 2 (and 0: minor)
//	sun.threads.total_gc_cpu_time  G1 and Parallel of JDK 25 and newer, not of 21; 0 with the others
//	                             of 25, none with those of 26 and newer
//	sun.gc.policy.name           missing: Epsilon, Shenandoah, ZGC
//	G1                           each generation's maxCapacity is the whole heap;
//	                             capacities have 8 bytes too many a space to JDK 17
//	Shenandoah                   the space's capacity is its maximum: take the generation's
//	code cache                   never
//
// Sources: OpenJDK src/hotspot/share/runtime/perfMemory.hpp and perfData.cpp,
// gc/shared/{generation,collector,hSpace,gcPolicy}Counters.cpp,
// memory/metaspaceCounters.cpp, services/{thread,classLoading}Service.cpp,
// services/runtimeService.cpp, runtime/cpuTimeCounters.cpp; jdk.internal.jvmstat PerfDataBuffer.
package hsperf
