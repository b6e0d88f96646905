package diagnosis

import "github.com/jvmem/jvmem/sidecar/history"

// work returns the CPU time of the JVM between two moments, in seconds; ok is false if
// it is not known.
func (j *judge) work(from, to int64) (float64, bool) {
	first, last, known := int64(0), int64(0), false
	for time, p := range j.c.Points(history.CPUSeconds) {
		if time < from || time > to {
			continue
		}
		if !known {
			first, known = p.Min, true
		}
		last = p.Last
	}
	return float64(last - first), known
}
