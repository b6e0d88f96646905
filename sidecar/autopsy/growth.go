package autopsy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// grew returns how much each row grew from the minimum of unreclaimable memory to the
// end of the history.
func grew(t *history.Track) ([]Growth, float64) {
	if t == nil || len(t.Times) < 2 {
		return nil, 0
	}
	end, base := len(t.Times)-1, 0
	unreclaimable := t.Series[history.Unreclaimable]
	for i := range t.Times {
		if p := unreclaimable.At(i); p.Last != history.Unknown && p.Last <= unreclaimable.At(base).Last {
			base = i
		}
	}
	if base, end = t.Sampled(base), t.Sampled(end); base < 0 {
		return nil, 0
	}
	return growthBetween(t, base, end), float64(t.Times[end]-t.Times[base]) / 1000
}

// growthBetween compares the samples that have the rows of two steps. What is known later only, as
// of a JVM that had just started, or as another source names it now, grew since then, not from 0.
func growthBetween(t *history.Track, from, to int) []Growth {
	var all []Growth
	from, to = t.Sampled(from), t.Sampled(to)
	for name, c := range t.Series {
		g := Growth{}
		switch words := strings.SplitN(name, "/", 3); {
		case words[0] == "row" && len(words) == 2:
			if g.Row = words[1]; rows.CauseOf(rows.Name(g.Row), "").Verdict == "" {
				continue // its growth does not cause a kill
			}
		case words[0] == "detail" && len(words) == 3:
			g.Row, g.Detail = words[1], words[2]
		default:
			continue
		}
		known := from
		for known < to && c.At(known).Last == history.Unknown {
			known++
		}
		if g.Bytes = difference(c, known, to); known < to && g.Bytes > 0 {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Row, b.Row), strings.Compare(a.Detail, b.Detail))
	})
	return all
}

// difference is the growth of a series. One that appeared grew from 0; one that
// disappeared did not grow.
func difference(c *history.Column, from, to int) int64 {
	was, is := c.At(from).Last, c.At(to).Last
	switch {
	case is == history.Unknown:
		return 0
	case was == history.Unknown:
		return is
	}
	return is - was
}

// fastest returns the name of the series with a prefix that grew most, without the
// prefix.
func (a *Autopsy) fastest(prefix string, from int) string {
	var best string
	var most int64
	from, to := a.Before.Sampled(from), a.Before.Sampled(len(a.Before.Times)-1)
	for name, c := range a.Before.Series {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		grew := difference(c, from, to)
		if grew > most || grew == most && name < best {
			best, most = name, grew
		}
	}
	return strings.TrimPrefix(best, prefix)
}

// The names of SinceLast are those of the cgroup, which has no rows.
const (
	sinceAnon   = "anon"
	sinceShmem  = "shmem"
	sinceKernel = "kernel"
)

// sinceLast returns the growth after the last breakdown.
func sinceLast(r *cgroup.Reading, last *breakdown.Container) []Growth {
	if r == nil || last == nil {
		return nil
	}
	var all []Growth
	add := func(name string, now, was *int64) {
		if now != nil && was != nil && *now > *was {
			all = append(all, Growth{Row: name, Bytes: *now - *was})
		}
	}
	add(sinceAnon, r.AnonBytes, last.RSSBytes)
	add(sinceShmem, r.ShmemBytes, rowBytes(last, rows.Shmem))
	add(sinceKernel, r.KernelBytes, rowBytes(last, rows.Kernel))
	return all
}

func rowBytes(c *breakdown.Container, name rows.Name) *int64 {
	if row := c.Row(name); row != nil {
		return row.Bytes
	}
	return nil
}
