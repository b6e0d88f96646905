package httpapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// maxPools is how many pools have a series of their own; the threads of all
	// others are in the pool otherPools. Pools are named by the application.
	maxPools   = 20
	otherPools = "other"
)

// containerLabels returns a label for each container of a report, all different.
func containerLabels(containers []breakdown.Container) []string {
	labels := make([]string, len(containers))
	for i := range containers {
		c := &containers[i]
		last := "container " + strconv.Itoa(i)
		if len(c.JVMs) > 0 {
			last = "pid " + strconv.Itoa(c.JVMs[0].PID)
		}
		withoutName := rows.Identity{ID: c.ID, Cgroup: c.Cgroup}
		onlyCgroup := rows.Identity{Cgroup: c.Cgroup}
		for _, label := range []string{c.Label(), withoutName.Label(), onlyCgroup.Label(), last} {
			if label != "" && !slices.Contains(labels[:i], label) {
				labels[i] = label
				break
			}
		}
	}
	return labels
}

// container exposes the breakdown of a container.
func (e *exposition) container(label string, c *breakdown.Container) {
	for i := range c.Memory {
		row := &c.Memory[i]
		e.known(memoryBytes, row.Bytes, label, string(row.Name))
		if row.Name == rows.OtherProcesses {
			continue // by command: arbitrary names, any number of them
		}
		for _, d := range row.Detail {
			e.known(memoryDetailBytes, d.Bytes, label, string(row.Name), d.Name)
		}
	}
	e.known(memoryBytes, c.UnattributedBytes, label, string(rows.Unattributed))
	e.known(usageBytes, c.UsageBytes, label)
	e.known(workingSetBytes, c.WorkingSetBytes, label)
	e.known(rssBytes, c.RSSBytes, label)
	e.known(reclaimableBytes, c.ReclaimableBytes, label)
	e.known(limitBytes, c.LimitBytes, label)
	e.nativeOwned(label, c)
	e.mallocWalked(label, c.JVMs)
	e.threads(label, c.JVMs)
	e.sources(label, c.Sources, "consistency")
}

// mallocWalked exposes the oldest walk; of several JVMs all must have one.
func (e *exposition) mallocWalked(label string, jvms []breakdown.JVM) {
	var oldest time.Time
	for i := range jvms {
		at := jvms[i].MallocWalkedAt
		if at == nil {
			return
		}
		if oldest.IsZero() || at.Before(oldest) {
			oldest = *at
		}
	}
	if !oldest.IsZero() {
		e.put(mallocWalked, float64(oldest.UnixMilli())/1000, label)
	}
}

// threads exposes the thread pools of all JVMs of a container.
func (e *exposition) threads(label string, jvms []breakdown.JVM) {
	counts := make(map[string]int)
	for i := range jvms {
		for _, p := range jvms[i].Threads.Pools {
			counts[strings.ToValidUTF8(p.Name, "\uFFFD")] += p.Count
		}
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	other := 0
	for i, name := range names {
		if i >= maxPools || name == otherPools {
			other += counts[name]
		} else {
			e.put(threads, float64(counts[name]), label, name)
		}
	}
	if other > 0 {
		e.put(threads, float64(other), label, otherPools)
	}
}

// sources exposes whether each source could be read completely, for every JVM. A source
// named rare is listed in a report only if it failed.
func (e *exposition) sources(label string, sources []jvm.Source, rare string) {
	up := map[string]bool{rare: true}
	for _, s := range sources {
		before, listed := up[s.Name]
		up[s.Name] = s.OK && (before || !listed)
	}
	for name, ok := range up {
		e.put(sourceUp, truth(ok), label, name)
	}
}
