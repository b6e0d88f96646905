package diagnosis

import (
	"slices"
	"sort"

	"github.com/jvmem/jvmem/sidecar/history"
)

// pointsPerJudgment is how many samples and readings come between two judgments of the
// sidecar.
const pointsPerJudgment = 6

// moments returns when the sidecar would have judged a history, without the last time.
func moments(c *history.Container) []int64 {
	var all []int64
	for k, t := range c.Tracks {
		end := int64(0) // of what this track is for
		if k+1 < len(c.Tracks) && len(c.Tracks[k+1].Times) > 0 {
			end = c.Tracks[k+1].Times[0]
		}
		for i := pointsPerJudgment - 1; i < len(t.Times)-1 && (end == 0 || t.Times[i] < end); i += pointsPerJudgment {
			all = append(all, t.Times[i])
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
