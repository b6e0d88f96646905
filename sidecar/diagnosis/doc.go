// Package diagnosis judges how a container's memory developed: what grows and does
// not stop, when a limit is reached, and whether the JVM's settings fit the limit.
// It is a pure function of a history (sidecar/history), so that a recording from
// anywhere can be judged again.
//
// # How growth is judged
//
// A window is cut into 20 parts, and of each the least value counts: what is freed
// within a part (garbage, a batch job, a spike) does not. Through these floors goes
// the line of Theil and Sen, the median of all slopes, which a third of wrong
// values does not move (Theil 1950; Sen 1968, also for its interval). Kendall's S
// tells whether they rise at all, at p < 0.001 (Mann 1945, Kendall 1975). Then
//
//   - it must not have come at once: at most 45 % of it between two floors (a
//     deploy, a change of load);
//   - it must go on: the second half rises at 80 % of the first half's rate or
//     more. What slows down is a warm-up or a plateau, unless what is still to come
//     (halves that shrink by the same factor) would pass the limit;
//   - it must be much, compared with the limit.
//
// The first window begins with the JVM; the others are its last half, quarter and
// so on, for what began late. A part by itself is believed only if it grows as fast
// as the whole: any curve that levels off looks straight in a small part.
//
// # What is judged
//
// Not what is used but what stays: of the heap what survives collections of the old
// generation, of metaspace only what comes with more classes, of malloc what
// glibc says is in use, beside Native Memory Tracking. Threads are judged by
// their number, and named by the pool that grows.
//
// A finding that grows at less than a quarter of the fastest is its side effect. More
// threads or classes count as the cause of what grows up to three times as fast.
package diagnosis
