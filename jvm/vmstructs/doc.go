// Package vmstructs reads the address ranges of a HotSpot JVM's heap, code, class data,
// thread stacks and performance counters, the names of threads and the values of flags, from
// gHotSpotVMStructs: the table of its own C++ fields that libjvm.so exports for the
// serviceability agent. It is read through /proc/<pid>/mem. The JVM need not cooperate: this works with attach disabled, with a
// hung JVM, and with Native Memory Tracking off.
//
// It never writes, stops no thread, and opens no file of the observed container: the
// symbols are found in the mapped library, as the dynamic linker finds them, so it does
// not matter whether libjvm.so was replaced on disk. Everything in the process' memory
// is untrusted input: each address, count and string is bounded, and so is the work.
// Open reads some 1.6 MiB of libjvm.so with some 30 system calls, Read needs some 30 and
// two more for each thread (three on JDK 8 and 11), Name five: 10 µs. This maps pages of libjvm.so that
// the JVM itself had not touched yet, which shows in its RssFile but is not charged as
// anonymous memory.
//
// /proc/<pid>/mem needs ptrace permission: the JVM's own UID and GID, or root with the
// default capabilities and SYS_PTRACE. Only 64-bit little-endian JVMs are supported.
//
// # Sources
//
// OpenJDK: runtime/vmStructs.{hpp,cpp}, gc/*/vmStructs_*.hpp, runtime/perfMemory.hpp,
// runtime/threadSMR.hpp, runtime/flags/jvmFlag.hpp, memory/metaspaceShared.cpp
// (cds/aotMetaspace.cpp from JDK 26 on), oops/compressedKlass.cpp. Linux:
// fs/proc/base.c (mem_rw), proc_pid_mem(5). The System V ABI, gABI chapter 5,
// and GNU's hash table (DT_GNU_HASH).
//
// # What differs by version
//
// Tried on Debian's builds of each, amd64, glibc; 17 on arm64 and 25 on Temurin's too.
//
//	             8            11           17           21           25           26 to 28
//	code heaps   CodeCache::  CodeCache::  =            =            =            =
//	             _heap, one   _heaps
//	array length              GenericGrow- GrowableArr- =            =            =
//	                          ableArray    ayBase
//	threads      Threads::_thread_list,    ThreadsSMRSupport::_java_thread_list,
//	             JavaThread::_next         an array
//	_osthread    JavaThread   =            =            =            Thread       =
//	_threadObj   the object   =            a handle     =            =            =
//	narrow oops  Universe::_narrow_oop     CompressedOops::_narrow_  CompressedOops::_base, _shift
//	                          =            oop          =
//	CDS bounds   none         FileMap-     MetaspaceObj::_shared_    =            MetaspaceObj::_aot_
//	                          Header       metaspace_base, _top                   metaspace_base, _top
//	card table   CollectedHeap::           BarrierSet:: =            =            =
//	             _barrier_set _barrier_set =
//	narrow class Universe::_narrow_klass.  Compressed-  =            CompressedKlassPointers::_base
//	base         _base        =            KlassPointers::_narrow_klass._base
//	flag class   Flag         JVMFlag      =            =            =            =
//	flag type    text         text         number       =            =            =
//	counters     PerfMemory::_start, _capacity
//	version      JDK_Version::_current     =            =            Abstract_VM_Version::_vm_major_version
//
// For other versions names are looked up one by one, and a part whose
// fields are missing is an error in Snapshot.Errors, not a guess.
//
// The offsets of java.lang.Thread.name and of a String's array are in no table. They are
// searched in one thread, by the part of its name that the kernel has, and every name is
// compared with the kernel's: found with each collector of JDK 8 to 28, with compact,
// compressed and full headers. ZGC moves objects without updating references at once: a
// name that cannot be read is asked for again later.
//
// # What is not available
//
//   - ZGC's heap: CollectedHeap::_reserved is empty on JDK 17 and later (11 has
//     it). It is a memfd, or mapped at 4 TiB and above.
//   - Metaspace other than the class space; mark bitmaps, remembered sets and
//     offset tables of the collectors; card tables of Shenandoah. From JDK 26
//     on G1 swaps two card tables and only the one in use is reported.
//   - The class space is in no table. It is derived from the CDS archive and the
//     flags; with an archive on JDK 8 to 16, or without one and with narrow class
//     pointers based at 0 (mostly JDK 8 to 26), it is unknown. Of 107 combinations of
//     version, collector and flags that were tried it was known in 74, and always the
//     same as by Native Memory Tracking.
//   - Stacks of threads that are not Java threads: collectors, the VM thread,
//     native threads.
package vmstructs
