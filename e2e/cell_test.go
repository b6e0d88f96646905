package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
)

// cell is one way to run a JVM.
type cell struct {
	jdk       debian.JDK
	collector debian.Collector
	nmt       string
	setting   setting
}

func (c *cell) name() string {
	name := fmt.Sprintf("%s/%s/%s", c.jdk.Name, c.collector.Name, c.nmt)
	if c.setting.name != "" {
		name += "/" + c.setting.name
	}
	return name
}

func (c *cell) describe(engine string) *result.Cell {
	return &result.Cell{
		Engine: engine, CgroupVersion: cgroupVersion(), Kernel: trial.Kernel(), JDK: c.jdk.Name, Version: c.jdk.Version,
		Collector: c.collector.Name, NMT: c.nmt, Setting: c.setting.name,
	}
}

var nmtModes = []string{"off", "summary", "detail"}

// cells returns the cells to run on an engine: all, or enough to cover each JDK, collector
// and NMT mode and, on Docker, as a guest is slow, each setting. On an engine that is not
// the first of its host it returns one.
func cells(engine string, jdks []debian.JDK, full, first bool) []cell {
	var all []cell
	for i, jdk := range jdks {
		if jdk.NoAttach { // used by a setting
			continue
		}
		for k, collector := range jdk.Collectors {
			for m, nmt := range nmtModes {
				if full || k == i%len(jdk.Collectors) && m == (i+k)%len(nmtModes) {
					all = append(all, cell{jdk: jdk, collector: collector, nmt: nmt})
				}
			}
		}
	}
	if !first {
		return all[len(all)-1:]
	}
	for i, s := range settings() {
		if !full && engine != engineDocker && i%4 != 0 {
			continue
		}
		i := slices.IndexFunc(jdks, func(j debian.JDK) bool { return j.Name == s.jdk })
		if i < 0 {
			panic(fmt.Sprintf("setting %s: no JDK %s", s.name, s.jdk)) // TestMain has no test to fail
		}
		k := slices.IndexFunc(jdks[i].Collectors, func(c debian.Collector) bool { return c.Name == s.collector })
		all = append(all, cell{jdk: jdks[i], collector: jdks[i].Collectors[k], nmt: s.nmt, setting: s})
	}
	return all
}

// checkCell grows the memory of a JVM kind by kind, in a pod whose sidecar starts first.
func checkCell(t *testing.T, e engine, c cell) []result.Step {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	if r := s.breakdown(); len(r.Containers) != 0 || !sidecar.Explained(r.Sources, "waiting for a JVM") {
		t.Errorf("before the JVM started: %+v", r)
	}
	w := p.startJVM(jvmOptions{
		jdk: c.jdk.Name, env: c.setting.env, program: c.setting.program, noTmp: c.setting.noTmp,
		flags: slices.Concat(c.collector.Flags, trial.JVMFlags(c.collector.Name, c.nmt), c.setting.flags),
	})
	tr := &trial.Trial{
		T: t, Do: w.do, Sidecar: s.Client, Limits: c.limits(), Growths: c.growths(), Commits: strings.HasSuffix(c.collector.Name, "ZGC"),
		Check: func(when string, c *sidecar.Container) { checkContainer(t, when, w, c) },
	}
	seen := tr.Run()
	c.checkJVM(t, seen)
	checkPool(t, seen)
	c.checkSources(t, seen)
	return tr.Steps
}

// limits returns those of the setting, or 2 % and 1 MiB, with NMT off 4 % and 1 MiB.
func (c *cell) limits() trial.Limits {
	if c.setting.limits != nil {
		return *c.setting.limits
	}
	l := trial.Limits{Share: 0.02, Slack: mib}
	if c.nmt == "off" {
		l.Share = 0.04
	}
	if c.jdk.Feature == 8 && c.nmt != "detail" {
		l.Unknown = []string{"gc"} // no command reports it
	}
	return l
}

// growths returns those that the JVM supports and whose row is known.
func (c *cell) growths() []trial.Growth {
	if c.setting.growths != nil {
		return c.setting.growths
	}
	rows, without := c.setting.rows, c.setting.without
	if rows == nil {
		rows = sidecar.RowNames()
	}
	if slices.Contains(c.limits().Unknown, "gc") {
		// It cannot be distinguished from mappings that HotSpot made for the collector.
		without = append(slices.Clone(without), "jnimmap 32")
	}
	var picked []trial.Growth
	for _, g := range trial.Growths() {
		switch {
		case g.Row == "code_cache" && c.jdk.Feature < 20:
			g.Free = nil // a thread sweeps it later
		case g.Row == "metaspace" && c.collector.Name == "ZGC" && c.jdk.Feature < 12:
			g.Free = nil // it does not unload classes
		}
		if slices.Contains(rows, g.Row) && !slices.Contains(without, g.Command) {
			picked = append(picked, g)
		}
	}
	return picked
}

func (c *cell) checkJVM(t *testing.T, seen *sidecar.Container) {
	t.Helper()
	if len(seen.JVMs) != 1 {
		t.Fatalf("%d JVMs, want 1", len(seen.JVMs))
	}
	j := seen.JVMs[0]
	collector := strings.TrimPrefix(c.collector.Name, "Gen")
	if j.Version == "" || j.GC != collector || j.NMT != c.nmt || j.UptimeSeconds == nil || *j.UptimeSeconds <= 0 || j.Threads.Live < 10 {
		t.Errorf("the JVM is described as %+v", j)
	}
	// Attach reports the current sizes; hsperfdata has those of the last collection.
	_, refused := seen.Failed("attach")
	heap := seen.Row("heap")
	if told := heap.CommittedBytes != nil && heap.UsedBytes != nil; told == refused {
		t.Errorf("the heap is described as %s committed, %s used; attach refused: %v", sidecar.KiB(heap.CommittedBytes), sidecar.KiB(heap.UsedBytes), refused)
	}
}

// checkSources checks which sources failed, with which reason and fix.
func (c *cell) checkSources(t *testing.T, seen *sidecar.Container) {
	t.Helper()
	want := c.setting.failed
	if _, refused := seen.Failed("attach"); c.nmt == "off" && !refused {
		want = append([]sidecar.Source{{Name: "nmt", Reason: "not enabled", Fix: "-XX:NativeMemoryTracking=summary"}}, want...)
	}
	if c.setting.limits == nil && len(c.limits().Unknown) > 0 {
		want = append(want, sidecar.Source{Name: "ranges", Reason: "gc", Fix: "NativeMemoryTracking=detail"})
	}
	var failed []sidecar.Source
	for _, s := range seen.Sources {
		// NMT's report may be of before the walk. It is told, and native is split by what NMT
		// reports, until the next walk.
		if differs := s.Name == "malloc_blocks" && strings.Contains(s.Reason, "sizes are not those that NMT reports"); !s.OK && !differs {
			failed = append(failed, s)
		}
	}
	same := slices.EqualFunc(failed, want, func(is, want sidecar.Source) bool {
		return is.Name == want.Name && strings.Contains(is.Reason, want.Reason) && strings.Contains(is.Fix, want.Fix)
	})
	if !same {
		t.Errorf("failed sources %+v, want %+v", failed, want)
	}
}

// checkPool checks the pool with the threads of the workload.
func checkPool(t *testing.T, c *sidecar.Container) {
	t.Helper()
	for _, p := range c.JVMs[0].Threads.Pools {
		if p.Name == trial.PoolName+"-#" {
			if p.Count != 4 || p.StackBytes == nil || abs(*p.StackBytes-32*mib) > 2*mib {
				t.Errorf("the pool is described as %+v with %s of stack", p, sidecar.KiB(p.StackBytes))
			}
			return
		}
	}
	t.Errorf("no pool %s-#: %+v", trial.PoolName, c.JVMs[0].Threads.Pools)
}
