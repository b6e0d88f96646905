package compare

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// Names of values are those of the series in /history.
const (
	unreclaimable = "unreclaimable"
	classes       = "classes"
	threads       = "threads"
	rowPrefix     = "row/"
	detailPrefix  = "detail/"
	usedPrefix    = "used/"
	poolPrefix    = "pool/"
)

// snapshot is what is compared of one container.
type snapshot struct {
	target    fleet.Target
	container *fleet.Container
	read      time.Time // the rows, by the sidecar's clock
	uptime    *float64  // of its oldest JVM
	// values has what is known. order has their names as the breakdown has them.
	values map[string]int64
	order  []string
	// allPools: a pool that is missing has no threads. Else it may have another name: where
	// the JVM's memory cannot be read, the kernel's names are cut.
	allPools bool
	settings map[string]string
}

// newSnapshot takes the container of that name, or the only one.
func newSnapshot(a *fleet.Answer, name string) (*snapshot, error) {
	if a.Problem != nil {
		return nil, fmt.Errorf("pod %s: %w", a.Name(), a.Problem)
	}
	var found []*fleet.Container
	var names []string
	for i := range a.Breakdown.Containers {
		c := &a.Breakdown.Containers[i]
		names = append(names, fleet.Printable(cmp.Or(c.Name, c.ID), 63))
		if name == "" || c.Name == name {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("pod %s: select one of its containers with a JVM by --container: %s", a.Name(), strings.Join(names, ", "))
	}
	s := &snapshot{target: a.Target, container: found[0], read: a.Breakdown.Time, values: make(map[string]int64)}
	if at := found[0].ReadAt; at != nil {
		s.read = *at
	}
	s.fill(found[0])
	return s, nil
}

func (s *snapshot) put(name string, value *int64) {
	s.order = append(s.order, name)
	if value != nil {
		s.values[name] = *value
	}
}

func (s *snapshot) fill(c *fleet.Container) {
	s.put(unreclaimable, c.Unreclaimable())
	for _, row := range c.Memory {
		s.put(rowPrefix+row.Name, row.Bytes)
		if row.UsedBytes != nil {
			s.put(usedPrefix+row.Name, row.UsedBytes)
		}
		for _, d := range row.Detail {
			s.put(detailPrefix+row.Name+"/"+d.Name, d.Bytes)
		}
	}
	s.put(rowPrefix+"unattributed", c.UnattributedBytes)
	loaded, live := sum(c.JVMs, func(j *fleet.JVM) *int64 { return j.LoadedClasses }), sum(c.JVMs, func(j *fleet.JVM) *int64 { return &j.Threads.Live })
	s.put(classes, loaded)
	s.put(threads, live)
	s.allPools = loaded != nil
	s.settings = map[string]string{"limit": fleet.SizeOf(c.Limit())}
	for i := range c.JVMs {
		j := &c.JVMs[i]
		if j.UptimeSeconds != nil && (s.uptime == nil || *j.UptimeSeconds > *s.uptime) {
			s.uptime = j.UptimeSeconds
		}
		for _, p := range j.Threads.Pools {
			name := poolPrefix + p.Name
			if _, twice := s.values[name]; !twice {
				s.order = append(s.order, name)
			}
			s.values[name] += p.Count
		}
		s.set("JVM", j.Version)
		s.set("collector", j.GC)
		s.set("NativeMemoryTracking", j.NMT)
		for _, flag := range slices.Sorted(maps.Keys(j.Flags)) {
			s.set("-XX:"+flag, flagText(j.Flags[flag]))
		}
	}
}

// flagText writes sizes as whole numbers.
func flagText(value any) string {
	if n, ok := value.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// set notes a setting of a JVM, of which a container can have several.
func (s *snapshot) set(name, value string) {
	switch {
	case value == "" || name == "-XX:NativeMemoryTracking": // NMT says what is on now
	case s.settings[name] == "":
		s.settings[name] = fleet.Printable(value, 40)
	default:
		s.settings[name] += "," + fleet.Printable(value, 40)
	}
}

func sum(jvms []fleet.JVM, value func(*fleet.JVM) *int64) *int64 {
	var total int64
	for i := range jvms {
		n := value(&jvms[i])
		if n == nil {
			return nil
		}
		total += *n
	}
	return &total
}

// rewind replaces the values by those at an uptime, from the history.
func (s *snapshot) rewind(ctx context.Context, proxy *fleet.Proxy, uptime float64, timeout time.Duration) error {
	if s.uptime == nil {
		return fmt.Errorf("pod %s: its uptime is unknown", s.target.Name())
	}
	near := max(30*time.Second, time.Duration(uptime/10)*time.Second)
	if back := *s.uptime - uptime; back > near.Seconds() {
		at := s.read.Add(-time.Duration(back * float64(time.Second)))
		history, problem := proxy.History(ctx, &s.target, at.Add(-near), near/2, timeout)
		if problem != nil {
			return fmt.Errorf("history of pod %s: %w", s.target.Name(), problem)
		}
		track := history.Of(s.container)
		if track == nil {
			return fmt.Errorf("history of pod %s has no container %s", s.target.Name(), fleet.Printable(s.container.Name, 63))
		}
		then := track.Near(at, near)
		if len(then) == 0 {
			return fmt.Errorf("history of pod %s does not reach back to an uptime of %s: its JVM runs for %s", s.target.Name(), fleet.Seconds(&uptime), fleet.Seconds(s.uptime))
		}
		s.values, s.allPools, s.uptime = then, false, &uptime // /history has the ten largest pools
		for _, name := range slices.Sorted(maps.Keys(then)) {
			if strings.HasPrefix(name, poolPrefix) && !slices.Contains(s.order, name) {
				s.order = append(s.order, name)
			}
		}
	}
	return nil
}

// value returns a value; ok is false if it is unknown.
func (s *snapshot) value(name string) (n int64, ok bool) {
	n, ok = s.values[name]
	return n, ok || s.allPools && strings.HasPrefix(name, poolPrefix)
}
