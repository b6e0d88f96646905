package evidence

import (
	"fmt"
	"math"

	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// takenBytes is how much less room may be left until a recording is looked at, after which JFR
// forgets the stacks of its samples, and what must be left while it goes on. An application with
// many different stacks made JFR take 100 MiB in two minutes.
const takenBytes = evidence.RecordingBytes / 3

// Room follows what is left to a container's limit while one of its JVMs records.
type Room struct {
	most  int64 // left since the last look
	known bool
}

// Take takes in what is left, in bytes, and reports whether the recording has to be looked at, and
// whether to stop it.
func (r *Room) Take(left int64) (look, stop bool) {
	if !r.known {
		*r = Room{left, true}
	}
	r.most = max(r.most, left)
	if look = r.most-left > takenBytes; look {
		r.most = left
	}
	return look, left < takenBytes
}

// leftOf returns what is left to a container's limit, in bytes; not known: neither is the limit, or
// what cannot be reclaimed. Without a limit it is what is left to the largest number.
func leftOf(of *breakdown.Container) (left int64, known bool) {
	limit, unreclaimable := of.LimitBytes, rows.Unreclaimable(of.UsageBytes, of.ReclaimableBytes)
	if of.Limited != nil && !*of.Limited {
		limit = new(int64(math.MaxInt64))
	}
	if limit == nil || unreclaimable == nil {
		return 0, false
	}
	return *limit - *unreclaimable, true
}

// CheckRoom returns what is left to a container's limit, in bytes, or an error if that is too little for a
// recording.
func CheckRoom(of *breakdown.Container) (left int64, err error) {
	left, known := leftOf(of)
	if !known {
		return 0, fmt.Errorf("no recording: it is unknown how near the limit is, and JFR makes the JVM use 12 to 31 MiB for good")
	}
	if left < evidence.RecordingBytes {
		return 0, fmt.Errorf("no recording: JFR makes the JVM use 12 to 31 MiB for good, and only %s are left to the limit", breakdown.Size(&left))
	}
	return left, nil
}
