// Package dcmd parses the replies of a HotSpot JVM to diagnostic commands.
//
// VM.info, VM.metaspace, Compiler.codecache and GC.heap_info report the address ranges
// of the JVM's parts, and how much of them is committed and used. With Native Memory
// Tracking off they are the best source of ranges.
//
// Thread.print, VM.classloader_stats, GC.class_histogram and System.native_heap_info
// report the contents of such a part. Their replies may have megabytes and be truncated:
// the parsers return what there is, and that the end is missing.
//
// It sends nothing and reads no file: each function takes the text of one reply. A text
// that is not such a reply is an error, never a set of zeros; a line that cannot be
// parsed is skipped. VM.info contains command line and environment of the application:
// ParseVMInfo returns neither.
//
// # What the numbers include
//
// "Committed" is memory that HotSpot may touch, "reserved" is address space; neither is
// resident memory. Where HotSpot prints a total and its parts, only one of them is
// counted: survivor spaces belong to their generation, class space is separate from the
// rest of metaspace.
//
// # What differs by version
//
// Tried with JDK 11, 17, 21, 25, 26, 27, 28 (all commands) and 8 (GC.heap_info and
// the second group: it knows none of the others), with every collector they have:
//
//	JDK     what
//	8       G1 prints [low, x, high) with a meaningless x
//	11      VM.info has no CDS archive, and the class space in another line
//	11      VM.metaspace prints nodes as [low, top, committed, high)
//	11      no compressed class space with ZGC: rows of VM.metaspace have no label
//	11-24   GC.heap_info ends with metaspace
//	11, 17  VM.info: "Prev Bits" and "Next Bits" of G1; one "Bits" from 21 on
//	11-21   VM.info: "Begin Bits" and "End Bits" of Parallel; "Begin Bits" alone later
//	17 on   VM.metaspace prints nodes with base and size
//	8       Thread.print: newest thread first
//	8-18    Thread.print: nid is hexadecimal
//	8-11    VM.classloader_stats: "+ unsafe anonymous classes", then "+ hidden classes"
//	11 on   GC.class_histogram: class name (module)
//	17      VM.classloader_stats: words for bytes
//	21 on   System.native_heap_info; no "fast" from glibc 2.43 on
//	21 on   Thread.print: "[ID]" after the number; a thread that carries a virtual
//	        one has neither nid nor state
//	25 on   Thread.print: the mounted virtual thread's frames follow its carrier's
//	21 on   Compiler.codecache adds a line for all heaps together
//	25 on   GC.heap_info: "DefNew" and "Tenured", G1 prints reserved and committed
//	25 on   VM.metaspace starts with sizes in K: used to the KiB
//	26 on   generational Shenandoah prints used per generation
//	26 on   VM.info: "Refinement table byte_map" of G1
//	28      Parallel prints "Young Gen:" before the addresses
//
// ZGC prints no addresses (its heap is a memfd, named in smaps), Shenandoah no
// table or bitmap of its own. Every JDK tried prints "C-Heap outstanding
// allocations"; it comes from glibc's mallinfo and is missing with another C
// library.
//
// Sources: OpenJDK src/hotspot/share: utilities/vmError.cpp (print_vm_info),
// memory/metaspace/metaspaceReporter.cpp, metaspaceDCmd.cpp, code/codeCache.cpp,
// gc/*/*Heap.cpp (print_heap_on, before JDK 25 print_on); os/linux/os_linux.cpp;
// runtime/threads.cpp (print_on), runtime/javaThread.cpp, classfile/classLoaderStats.cpp,
// memory/heapInspection.cpp, os/linux/mallocInfoDcmd.cpp; malloc_info(3).
package dcmd
