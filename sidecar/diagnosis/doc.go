// Package diagnosis judges how the memory of a container developed: which part has
// sustained growth, when a limit is reached, and whether the JVM's settings fit the
// limit. It is a pure function of a history (package history), so a recording can be
// judged again anywhere.
//
// # How growth is judged
//
// A window is divided into 20 parts, and the minimum of each part counts: memory that
// is freed within a part (garbage, a batch job, a spike) does not. The trend of these
// minima is the Theil-Sen estimator, the median of all pairwise slopes, which tolerates
// a third of outliers (Theil 1950; Sen 1968, also for its confidence interval). The
// Mann-Kendall test shows whether they rise at all, at p < 0.001 (Mann 1945, Kendall
// 1975). In addition, growth must
//
//   - not come at once: at most 45 % of it between two minima (a deploy, a change of
//     load);
//   - continue: the second half grows at 95 % of the first half's rate or more. What
//     slows down is a warm-up or a plateau, unless the growth still to come (halves
//     that shrink by the same factor) would exceed the limit;
//   - matter, compared with the limit.
//
// The first window begins with the JVM; the others are its last half, quarter and so
// on, for growth that began late. A later window alone counts only if it grows as fast
// as the whole: any curve that levels off looks straight in a short window.
//
// Growth that is no line over time is judged against the CPU time of the JVM, where that is
// known (work.go). Exact quantities that never fall need no line (stairs.go).
//
// # Incidents
//
// A leak is an incident (incident.go): suspected, confirmed, paused, closed. It stays the
// verdict while what it gained is still there. A Tracker follows the incidents of a
// container from judgment to judgment; Diagnose replays a recorded history through one.
// Heaps and class loaders are confirmed only after collections that could have freed the
// memory (heap.go, collections.go), a detail of native memory only if its row grows
// (native.go). A full heap and retained memory are states without growth (states.go).
//
// # What is judged
//
// Memory that stays, not memory in use: of the heap, what survives collections of the
// old generation; of metaspace, only growth that comes with more classes; of malloc,
// what glibc reports as in use, compared with Native Memory Tracking. Threads are judged
// by their number, and named by the pool that grows.
//
// A finding that grows at less than a quarter of the fastest one is a side effect. More
// threads or classes count as the cause of what grows up to three times as fast.
package diagnosis
