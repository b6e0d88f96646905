package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// Schema is the version of the JSON form.
const Schema = "jvmem.compare/v1"

// Comparison is the result. nil is unknown.
type Comparison struct {
	Schema string    `json:"schema"`
	Time   time.Time `json:"time"`
	// UptimeSeconds is set if all are compared at that uptime, from their history.
	UptimeSeconds *float64  `json:"uptime_seconds,omitempty"`
	Groups        []Group   `json:"groups"`
	Values        []Value   `json:"values"`
	Settings      []Setting `json:"settings"` // those that differ
	// Notes say what limits the comparison.
	Notes []string `json:"notes"`
}

// Group is a pod, or the pods of a revision.
type Group struct {
	Name string `json:"name"`
	Pods []Pod  `json:"pods"`
}

// Pod is a pod that is compared.
type Pod struct {
	Namespace     string   `json:"namespace"`
	Name          string   `json:"pod"`
	Container     string   `json:"container"`
	UptimeSeconds *float64 `json:"uptime_seconds"`
}

// Value is one number of all groups, in their order.
type Value struct {
	Name   string   `json:"name"` // of the series in /history
	Unit   string   `json:"unit"` // bytes or count
	Groups []*Range `json:"groups"`
	// Difference is the median of the last group minus that of the first.
	Difference *float64 `json:"difference"`
	// BeyondSpread is whether the ranges of the first and the last group do not overlap; nil
	// if no group has several pods.
	BeyondSpread *bool `json:"beyond_spread"`
	// Outlier is the pod, of four or more, that is farther from the others than these are
	// from each other.
	Outlier string `json:"outlier,omitempty"`
}

// Range is what a value is in the pods of a group of which it is known.
type Range struct {
	Min    int64   `json:"min"`
	Median float64 `json:"median"`
	Max    int64   `json:"max"`
	Known  int     `json:"known"` // in so many pods
}

// Setting is a setting of a JVM that differs between groups.
type Setting struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
}

// group has the snapshots of a Group.
type group struct {
	name      string
	snapshots []*snapshot
}

// differentUptime is from which factor on uptimes are named.
const differentUptime = 1.5

// compare compares groups, of which there are two at least.
func compare(at time.Time, groups []group) *Comparison {
	c := &Comparison{Schema: Schema, Time: at.UTC(), Values: []Value{}, Settings: []Setting{}, Notes: []string{}}
	if slices.ContainsFunc(groups, func(g group) bool {
		return slices.ContainsFunc(g.snapshots, func(s *snapshot) bool { return !s.allPools })
	}) {
		for _, g := range groups {
			for _, s := range g.snapshots {
				s.allPools = false // the names of pools may not be the same
			}
		}
	}
	single := true
	for _, g := range groups {
		out := Group{Name: g.name}
		for _, s := range g.snapshots {
			out.Pods = append(out.Pods, Pod{s.target.Pod.Namespace, s.target.Pod.Name, fleet.Printable(s.container.Name, 63), s.uptime})
		}
		c.Groups = append(c.Groups, out)
		single = single && len(g.snapshots) == 1
	}
	for _, name := range order(groups) {
		v := Value{Name: name, Unit: unit(name)}
		for _, g := range groups {
			v.Groups = append(v.Groups, g.rangeOf(name))
		}
		v.differ(single)
		if single {
			v.Outlier = outlier(groups, name)
		}
		c.Values = append(c.Values, v)
	}
	c.settings(groups)
	c.uptimes(groups)
	if !single && slices.ContainsFunc(groups, func(g group) bool { return len(g.snapshots) == 1 }) {
		c.Notes = append(c.Notes, "a group of one pod has no spread: a difference may be that of a single pod")
	}
	return c
}

func unit(name string) string {
	if name == classes || name == threads || strings.HasPrefix(name, poolPrefix) {
		return "count"
	}
	return "bytes"
}

// order returns the names of all values as breakdowns have them, the pools last.
func order(groups []group) []string {
	var names, pools []string
	seen := make(map[string]bool)
	for _, g := range groups {
		for _, s := range g.snapshots {
			last := ""
			for _, name := range s.order {
				if !seen[name] && strings.HasPrefix(name, poolPrefix) {
					pools = append(pools, name)
				} else if !seen[name] {
					// A detail that only this one has comes after the one before it here.
					names = slices.Insert(names, slices.Index(names, last)+1, name)
				}
				seen[name], last = true, name
			}
		}
	}
	slices.Sort(pools)
	return append(names, pools...)
}

func (g *group) rangeOf(name string) *Range {
	var known []int64
	for _, s := range g.snapshots {
		if n, ok := s.value(name); ok {
			known = append(known, n)
		}
	}
	if len(known) == 0 {
		return nil
	}
	slices.Sort(known)
	return &Range{known[0], median(known), known[len(known)-1], len(known)}
}

func median(sorted []int64) float64 {
	n := len(sorted)
	return (float64(sorted[n/2]) + float64(sorted[(n-1)/2])) / 2
}

// differ compares the first group with the last one. Single pods have no spread.
func (v *Value) differ(single bool) {
	first, last := v.Groups[0], v.Groups[len(v.Groups)-1]
	if first == nil || last == nil {
		return
	}
	if single && len(v.Groups) > 2 {
		return // replicas: there is no before and after
	}
	v.Difference = new(last.Median - first.Median)
	if !single {
		v.BeyondSpread = new(first.Max < last.Min || last.Max < first.Min)
	}
}

const (
	// minOthers is how many pods must agree for another one to be an outlier.
	minOthers = 3
	// minBytes and minCount are what a difference must have to make an outlier.
	minBytes, minCount = 1 << 20, 5
)

// outlier returns the pod whose value is farther from the others than these are from each
// other, "" if there is none.
func outlier(groups []group, name string) (found string) {
	for i := range groups {
		var others []int64
		for k := range groups {
			if n, ok := groups[k].snapshots[0].value(name); ok && k != i {
				others = append(others, n)
			}
		}
		n, ok := groups[i].snapshots[0].value(name)
		if !ok || len(others) < minOthers {
			continue
		}
		low, high := slices.Min(others), slices.Max(others)
		least := int64(minBytes)
		if unit(name) == "count" {
			least = minCount
		}
		if off := max(n-high, low-n); off > high-low && off >= least {
			found = groups[i].name
		}
	}
	return found
}

// settings finds the settings that differ between groups. One that is unknown in a group,
// or that its JDK does not have, is no difference.
func (c *Comparison) settings(groups []group) {
	all := make(map[string]bool)
	for _, g := range groups {
		for _, s := range g.snapshots {
			for name := range s.settings {
				all[name] = true
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(all), byKind) {
		out := Setting{Name: name}
		for _, g := range groups {
			values := make(map[string]bool)
			for _, s := range g.snapshots {
				if value, ok := s.settings[name]; ok {
					values[value] = true
				}
			}
			out.Groups = append(out.Groups, strings.Join(slices.Sorted(maps.Keys(values)), " | "))
		}
		if different := slices.Compact(slices.Clone(out.Groups)); len(different) > 1 && !slices.Contains(different, "") {
			c.Settings = append(c.Settings, out)
		}
	}
}

// byKind sorts flags after the rest.
func byKind(a, b string) int {
	flag := func(name string) int { return strings.Count(name[:1], "-") }
	return cmp.Or(cmp.Compare(flag(a), flag(b)), cmp.Compare(a, b))
}

// uptimes says so if the JVMs did not run for the same time.
func (c *Comparison) uptimes(groups []group) {
	var youngest, oldest *snapshot
	for _, g := range groups {
		for _, s := range g.snapshots {
			if s.uptime == nil {
				c.Notes = append(c.Notes, fmt.Sprintf("the uptime of the JVM in %s is unknown", s.target.Name()))
				return
			}
			if youngest == nil || *s.uptime < *youngest.uptime {
				youngest = s
			}
			if oldest == nil || *s.uptime > *oldest.uptime {
				oldest = s
			}
		}
	}
	if *oldest.uptime > differentUptime**youngest.uptime {
		c.Notes = append(c.Notes, fmt.Sprintf(
			"the uptimes differ: the JVM in %s runs for %s, that in %s for %s. Memory that fills with time differs for this reason alone; --same-uptime compares them at %s",
			youngest.target.Name(), fleet.Seconds(youngest.uptime), oldest.target.Name(), fleet.Seconds(oldest.uptime), fleet.Seconds(youngest.uptime)))
	}
}
