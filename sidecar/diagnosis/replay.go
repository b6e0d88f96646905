package diagnosis

import (
	"math"
	"slices"
	"sort"

	"github.com/jvmem/jvmem/sidecar/history"
)

// pointsPerJudgment is how many samples and readings come between two judgments, at least:
// the next sample after them is judged. At the default interval that is once a minute,
// and more often when memory rises towards the limit.
const pointsPerJudgment = 6

// Pace says when to judge a history, while it is recorded and when it is replayed. The
// first pointsPerJudgment samples are judged each.
type Pace struct{ all, points int }

// Reading counts a light reading.
func (p *Pace) Reading() { p.all, p.points = p.all+1, p.points+1 }

// Sample counts a sample, and reports whether to judge it.
func (p *Pace) Sample() bool {
	p.Reading()
	if p.points < pointsPerJudgment && p.all > pointsPerJudgment {
		return false
	}
	p.points = 0
	return true
}

// moments returns when the sidecar would have judged a history, without the last time.
func moments(c *history.Container) []int64 {
	var all []int64
	for k, t := range c.Tracks {
		end := int64(math.MaxInt64) // of what this track is for
		if k+1 < len(c.Tracks) && len(c.Tracks[k+1].Times) > 0 {
			end = c.Tracks[k+1].Times[0]
		}
		var pace Pace
		for i := 0; i < len(t.Times)-1 && t.Times[i] < end; i++ {
			if !t.IsSample(i) {
				pace.Reading()
			} else if pace.Sample() {
				all = append(all, t.Times[i])
			}
		}
	}
	slices.Sort(all)
	return all
}

// until returns the history as it was at a time. It shares the points.
func until(c *history.Container, at int64) *history.Container {
	copied := *c
	copied.Tracks = make([]*history.Track, 0, len(c.Tracks))
	for _, t := range c.Tracks {
		n := sort.Search(len(t.Times), func(i int) bool { return t.Times[i] > at })
		copied.Tracks = append(copied.Tracks, &history.Track{StepMillis: t.StepMillis, Times: t.Times[:n], Series: t.Series})
	}
	return &copied
}
