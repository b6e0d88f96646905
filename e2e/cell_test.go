package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/sidecar"
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
		Engine: engine, CgroupVersion: cgroupVersion(), Kernel: kernel(), JDK: c.jdk.Name, Version: c.jdk.Version,
		Collector: c.collector.Name, NMT: c.nmt, Setting: c.setting.name,
	}
}

// kernel returns the release of the kernel that runs, as uname -r.
func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return syscall.ENOSYS.Error()
	}
	return strings.TrimSpace(string(text))
}

var nmtModes = []string{"off", "summary", "detail"}

// cells returns the cells to run on an engine: all, or so many that each JDK,
// each collector, each mode of NMT and (on Docker, as a guest is slow) each
// setting is there. On an engine that is not the first of its host one is enough.
func cells(engine string, jdks []debian.JDK, full, first bool) []cell {
	var all []cell
	for i, jdk := range jdks {
		if jdk.NoAttach { // a setting
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

// jvmFlags are how every JVM runs: with a heap that is large enough to need no
// collection by itself, as that would touch bitmaps and free pages meanwhile, and
// with a compiler that compiles only what `jit` makes, as it takes and gives back
// malloc as it likes.
func jvmFlags(collector, nmt string) []string {
	flags := []string{
		"-XX:NativeMemoryTracking=" + nmt, "-Xmx256m", "-XX:MetaspaceSize=256m",
		"-XX:TieredStopAtLevel=1", "-Xbatch", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Jit*.*",
	}
	switch collector {
	case "Serial", "Parallel":
		// The workload's arrays of 16 MiB are too large for so small an eden: they
		// are never copied.
		flags = append(flags, "-Xms256m", "-Xmn12m")
	case "ZGC", "GenZGC":
		flags = append(flags, "-Xms16m") // its heap is charged when it is committed
	default:
		flags = append(flags, "-Xms256m")
	}
	return flags
}

// checkCell grows a JVM kind by kind, in a pod whose sidecar starts before it.
func checkCell(t *testing.T, e engine, c cell) []result.Step {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	if r := s.breakdown(); len(r.Containers) != 0 || !explained(r.Sources, "waiting for a JVM") {
		t.Errorf("before there is a JVM: %+v", r)
	}
	w := p.startJVM(jvmOptions{
		jdk: c.jdk.Name, env: c.setting.env, program: c.setting.program, noTmp: c.setting.noTmp,
		flags: slices.Concat(c.collector.Flags, jvmFlags(c.collector.Name, c.nmt), c.setting.flags),
	})
	trial := &trial{t: t, w: w, s: s, limits: c.limits(), growths: c.growths(), commits: strings.HasSuffix(c.collector.Name, "ZGC")}
	seen := trial.run()
	c.checkJVM(t, seen)
	checkPool(t, seen)
	c.checkSources(t, seen)
	return trial.steps
}

// limits of a cell are 2 % and 1 MiB, 4 % where NMT is off; those of its setting
// where it has any.
func (c *cell) limits() limits {
	if c.setting.limits != nil {
		return *c.setting.limits
	}
	l := limits{share: 0.02, slack: mib}
	if c.nmt == "off" {
		l.share = 0.04
	}
	if c.jdk.Feature == 8 && c.nmt != "detail" {
		l.unknown = []string{"gc"} // it has no command that tells
	}
	return l
}

// growths of a cell are all that its JVM can do, and whose row is known.
func (c *cell) growths() []growth {
	if c.setting.growths != nil {
		return c.setting.growths
	}
	rows, without := c.setting.rows, c.setting.without
	if rows == nil {
		rows = sidecar.RowNames()
	}
	if slices.Contains(c.limits().unknown, "gc") {
		// What HotSpot mapped for the collector may be anywhere: so may this.
		without = append(slices.Clone(without), "jnimmap 32")
	}
	var picked []growth
	for _, g := range growths {
		switch {
		case g.row == "code_cache" && c.jdk.Feature < 20:
			g.free = nil // a thread sweeps it some time
		case g.row == "metaspace" && c.collector.Name == "ZGC" && c.jdk.Feature < 12:
			g.free = nil // it unloads no class
		}
		if slices.Contains(rows, g.row) && !slices.Contains(without, g.command) {
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
	// Only the JVM knows these sizes as of now: hsperfdata has those of its last collection.
	_, refused := seen.Failed("attach")
	heap := seen.Row("heap")
	if told := heap.CommittedBytes != nil && heap.UsedBytes != nil; told == refused {
		t.Errorf("the heap is described as %s committed, %s used; attach refused: %v", sidecar.KiB(heap.CommittedBytes), sidecar.KiB(heap.UsedBytes), refused)
	}
}

// checkSources checks which sources failed, and what those say.
func (c *cell) checkSources(t *testing.T, seen *sidecar.Container) {
	t.Helper()
	want := c.setting.failed
	if _, refused := seen.Failed("attach"); c.nmt == "off" && !refused {
		want = append([]sidecar.Source{{Name: "nmt", Reason: "not enabled", Fix: "-XX:NativeMemoryTracking=summary"}}, want...)
	}
	if c.setting.limits == nil && len(c.limits().unknown) > 0 {
		want = append(want, sidecar.Source{Name: "ranges", Reason: "gc", Fix: "NativeMemoryTracking=detail"})
	}
	var failed []sidecar.Source
	for _, s := range seen.Sources {
		if !s.OK {
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

// checkPool looks for the threads of the workload by their pool's name.
func checkPool(t *testing.T, c *sidecar.Container) {
	t.Helper()
	for _, p := range c.JVMs[0].Threads.Pools {
		if p.Name == "workload-#" {
			if p.Count != 4 || p.StackBytes == nil || abs(*p.StackBytes-32*mib) > 2*mib {
				t.Errorf("the pool is described as %+v with %s of stack", p, sidecar.KiB(p.StackBytes))
			}
			return
		}
	}
	t.Errorf("no pool workload-#: %+v", c.JVMs[0].Threads.Pools)
}
