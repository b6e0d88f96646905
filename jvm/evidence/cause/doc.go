// Package cause finds the line of code that leaks in a recording of JDK Flight Recorder
// (package jfr). It is pure: it starts no recording.
//
//	kind            events                               what counts
//	threads         ThreadStart, ThreadEnd               threads that started and stay
//	class_loader    ClassDefine, ClassUnload             loaders and generated classes that come again and again
//	heap            OldObjectSample, GarbageCollection   sampled objects that are old
//	                ObjectAllocationSample, or those     what the live objects of each class gained, by the line that
//	                of TLABs before JDK 16               allocates it, if the caller counted them (Gains)
//	direct_buffers  OldObjectSample or MethodTrace       buffers that are old; or calls, less the frees
//	mapped_files    the same                             mappings
//	zip             the same                             Deflater, Inflater
//	sockets         the same                             sockets, channels
//
// # Which line
//
// Frames of the JDK, of known libraries and of generated classes are folded: the first frame of
// other code is the line. If there is none, the first frame of a library is. For class loaders,
// frames of the loader and of the classes that it defines are folded too.
//
// # When a line is named
//
// A line that is named must be right; no line is better than a wrong one. What was young at
// the end of the recording is not counted, as it may be work that ends: what lived less than
// 30 % of the recording. An object is known to have lived until the last collection of the old
// generation: before that a dead one may only have been promoted. Below 10 such samples no line
// is named. Nor is one that does not lead clearly: by more than twice the standard deviation of
// the difference. Of calls, those that released something again are taken from the first line.
//
// JFR keeps 256 samples, by the size of the object: with much garbage, those of small objects are
// replaced before the next collection. Gains find these: if half or more of what was allocated of
// a class stays, the line that allocates nearly all of it is the one that leaks.
package cause
