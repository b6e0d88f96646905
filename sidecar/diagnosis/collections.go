package diagnosis

import (
	"maps"
	"math"
	"slices"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// survival is what a collection of the old generation left of a series.
type survival struct {
	at int64
	// before is the greatest value since the collection before, after the least one up
	// to the next collection.
	before, after float64
}

// survivals returns them for all collections that samples saw, of the present JVM.
func (j *judge) survivals(series string) []survival {
	all, known := j.survived[series]
	if !known {
		all = j.newSurvivals(series)
		j.survived[series] = all
	}
	return all
}

func (j *judge) newSurvivals(series string) []survival {
	times := j.collectionTimes(window{j.started, j.at})
	all := make([]survival, 0, len(times))
	for _, at := range times {
		all = append(all, survival{at: at, after: math.Inf(1), before: math.Inf(-1)})
	}
	k := 0 // collections up to now
	for time, p := range j.c.Points(series) {
		if time < j.started || time > j.at {
			continue
		}
		if k < len(all) {
			all[k].before = max(all[k].before, float64(p.Max)) // a step may begin before it
		}
		least := p.Min
		for k < len(all) && time >= all[k].at {
			k++
			least = p.Last
		}
		if k > 0 {
			all[k-1].after = min(all[k-1].after, float64(least))
		}
	}
	return slices.DeleteFunc(all, func(s survival) bool { return math.IsInf(s.after, 1) }) // none is known
}

// firstGenerational is the first JDK whose ZGC may have generations: recordings of earlier ones do not say
// that it has none.
const firstGenerational = 21

// atLastPause is what the counters have of a heap without generations, also of one that is full and whose
// JVM does not answer.
const atLastPause = history.OldUsed + "_at_last_pause"

// hasNoGenerations reports whether the counters have none: those of Shenandoah never do.
func hasNoGenerations(c *history.Container) bool {
	if len(c.JVMs) != 1 {
		return false
	}
	of := &c.JVMs[0]
	switch of.GC {
	case "Shenandoah":
		return true
	case "ZGC":
		major := adviser{of}.major()
		return of.OldGeneration != nil && of.OldGeneration.WholeHeap || major > 0 && major < firstGenerational
	}
	return false
}

// concurrent reports whether the collector of a JVM works beside the application, and leaves a quarter of
// the garbage or so.
func (j *judge) concurrent() bool {
	return slices.ContainsFunc(j.c.JVMs, func(j breakdown.JVM) bool { return j.GC == "ZGC" || j.GC == "Shenandoah" })
}

// withoutGenerations returns a history that has the use of the heap as that of the old generation. The
// JVM's counters have it as of the last pause, before the collection freed what it had found;
// GC.heap_info has it as it is.
func withoutGenerations(c *history.Container) *history.Container {
	copied := *c
	copied.Tracks = make([]*history.Track, 0, len(c.Tracks))
	for _, t := range c.Tracks {
		series := make(map[string]*history.Column, len(t.Series)+1)
		maps.Copy(series, t.Series)
		series[atLastPause] = series[history.OldUsed]
		if used := series[history.Used(rows.Heap)]; used != nil {
			series[history.OldUsed] = used
		}
		copied.Tracks = append(copied.Tracks, &history.Track{StepMillis: t.StepMillis, Times: t.Times, Series: series})
	}
	return &copied
}

// fullCollections reports whether each collection of the old generation frees all of its
// garbage at once.
func (j *judge) fullCollections() bool { return j.collectedBy("Serial", "Parallel") }

// freesAtOnce reports whether each collection of the old generation frees what it found before
// the next one begins. CMS does so beside the application, which leaves some garbage.
func (j *judge) freesAtOnce() bool { return j.collectedBy("Serial", "Parallel", "CMS") }

// collectedBy reports whether all JVMs have one of these collectors.
func (j *judge) collectedBy(collectors ...string) bool {
	for i := range j.c.JVMs {
		if !slices.Contains(collectors, j.c.JVMs[i].GC) {
			return false
		}
	}
	return len(j.c.JVMs) > 0
}

// collectionTimes are those of the samples that saw another collection of the old
// generation, as counted by the JVM.
func (j *judge) collectionTimes(w window) []int64 {
	var all []int64
	last := int64(history.Unknown)
	for time, p := range j.c.Points(history.OldCollections) {
		if j.x(time) > w.to {
			break
		}
		if j.x(time) >= w.from && last != history.Unknown && p.Last > last {
			all = append(all, time)
		}
		last = p.Last
	}
	return all
}

const (
	// kept is the part of the classes loaded since the collection before that must survive
	// the last one, and some of the last together, where one of the last two freed at least
	// freedShare: it could unload, and the number grows all the same. Half of what came up must be
	// older than soft references get, as caches of script engines hold classes by these.
	kept, freedShare = 0.5, 0.25
	// keptAll is the part that must survive pureCollections where hardly any is freed.
	// One more collection has to come before these. Half of what came up must be as old, or the
	// number must have grown manifold, in manifoldCollections at most.
	keptAll             = 0.85
	pureCollections     = 3
	manifold            = 5
	manifoldCollections = 4
	// softCollections is how many collections a soft reference may have to wait for: that of
	// its age is decided by what the one before left.
	softCollections = 2
	// undividedAge is how many times as old what came up must be on a heap without generations, each cycle of
	// which unloads: so many come until soft references end that other ones hold again.
	undividedAge = 2
)

// unloadingMissing names the collection that must come before classes are a leak; "" if
// it came. Loaders wait for a collection of the old generation, and those in soft
// references survive some.
func (j *judge) unloadingMissing() string {
	const missing = "collections of the old generation that could unload classes"
	all := j.survivals(history.Classes)
	share := func(k int) (loaded, left float64) {
		return all[k].before - all[k-1].after, all[k].after - all[k-1].after
	}
	// Collections between which nothing was loaded, as the two pauses of a cycle, show nothing.
	var increments []int
	for k := 1; k < len(all); k++ {
		if loaded, _ := share(k); !math.IsInf(loaded, 0) && loaded >= 1 {
			increments = append(increments, k)
		}
	}
	n := len(increments)
	if n < 2 {
		return missing
	}
	earlier, stayed := share(increments[n-2])
	came, survived := share(increments[n-1])
	unloads := (stayed <= (1-freedShare)*earlier || survived <= (1-freedShare)*came) && survived >= kept*came
	last := all[increments[n-1]].after
	age := j.softMillis()
	if j.undivided {
		age *= undividedAge
	}
	before := j.valueAt(history.Classes, all[increments[n-1]-1].at-age)
	loaded, left := 0.0, 0.0
	for i := n - 1; i >= 0; i-- {
		l, r := share(increments[i])
		loaded, left = loaded+l, left+r
		seen, first := n-i, all[increments[i]-1].after
		pure := seen >= pureCollections && left >= keptAll*loaded
		switch old := before-first >= (last-first)/2; {
		case old && (pure || unloads && seen >= 2 && left >= kept*loaded):
			return ""
		case pure && seen <= manifoldCollections && last >= manifold*first:
			return ""
		}
	}
	return missing
}

// softMillis is how long a soft reference lives that is not used: a second for each MiB of
// the heap that was free after the collections before (SoftRefLRUPolicyMSPerMB), 5 minutes if
// that is not known.
func (j *judge) softMillis() int64 {
	limit, ok := j.maxHeap()
	used, known := j.now(history.OldUsed)
	if !ok || !known {
		return 5 * 60 * 1000
	}
	all := j.survivals(history.OldUsed)
	for _, s := range all[max(0, len(all)-softCollections):] {
		used = min(used, s.after)
	}
	return int64(max(0, limit-used) / (1 << 20) * 1000)
}

// valueAt is what a series was at a time; 0 before it was known.
func (j *judge) valueAt(series string, at int64) float64 {
	value := int64(0)
	for time, p := range j.c.Points(series) {
		if time > at {
			break
		}
		value = p.Last
	}
	return float64(value)
}
