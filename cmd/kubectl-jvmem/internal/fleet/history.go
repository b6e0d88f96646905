package fleet

import (
	"context"

	"net/url"
	"time"
)

const (
	historySchema = "jvmem.history/v1"
	// maxHistory bounds /history: a day in steps of a minute has 3 MB for each container.
	maxHistory = 32 << 20
)

// History is a jvmem.history/v1.
type History struct {
	Containers []struct {
		ID     string  `json:"id"`
		Name   string  `json:"name"`
		Cgroup string  `json:"cgroup"`
		Tracks []Track `json:"tracks"`
	} `json:"containers"`
}

// Track has the values of all series at the same times.
type Track struct {
	Times  []int64 `json:"time_unix_ms"`
	Series map[string]struct {
		Last []*int64 `json:"last"`
	} `json:"series"`
}

// History requests the history from a time on, in steps.
func (p *Proxy) History(ctx context.Context, t *Target, since time.Time, step, timeout time.Duration) (*History, *Problem) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	query := url.Values{"since": {since.UTC().Format(time.RFC3339)}, "step": {step.String()}}
	r, problem := p.get(ctx, t, "history", query, maxHistory)
	if problem != nil {
		return nil, problem
	}
	var h History
	if err := decode(r.body, historySchema, &h); err != nil {
		return nil, &Problem{Reason: BadReply, Detail: Printable(err.Error(), maxLine)}
	}
	return &h, nil
}

// Of returns the track of a container; nil if there is none.
func (h *History) Of(c *Container) *Track {
	for i := range h.Containers {
		if of := &h.Containers[i]; of.ID == c.ID && of.Name == c.Name && of.Cgroup == c.Cgroup && len(of.Tracks) > 0 {
			return &of.Tracks[0]
		}
	}
	return nil
}

// Near returns what each series was closest to a time, and at most that far from it.
// Series that were not known then are left out.
func (t *Track) Near(at time.Time, most time.Duration) map[string]int64 {
	values := make(map[string]int64)
	for name, series := range t.Series {
		closest := most
		for i, ms := range t.Times[:min(len(t.Times), len(series.Last))] {
			if distance := time.UnixMilli(ms).Sub(at).Abs(); series.Last[i] != nil && distance <= closest {
				values[name], closest = *series.Last[i], distance
			}
		}
	}
	return values
}
