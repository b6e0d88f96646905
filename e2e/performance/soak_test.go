package performance

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// soakGoalMiB is the allowed resident size in the steady state.
	soakGoalMiB = 16
	// measureEach is the time between two measurements of jvmem.
	measureEach = 5 * time.Second
	// warmUp is the fraction of the soak, 1/warmUp, in which caches may fill.
	warmUp = 6
	// restarts is the number of JVMs in a soak, one after the other.
	restarts = 8
	// shortEach is the time between two starts of short-lived processes.
	shortEach = 100 * time.Millisecond
)

// TestSoak runs jvmem at its shortest interval with a JVM that restarts, others that start
// and stop with their cgroup, and processes that exit at once.
func TestSoak(t *testing.T) {
	args := append([]string{"--interval", "100ms", "--state-dir", t.TempDir()}, unlimited(t)...)
	d := installed(t)
	var of string
	c := &churn{end: time.Now().Add(*soak)}
	// Another process with the same history shows the number of goroutines at the start.
	t.Run("start", func(t *testing.T) {
		j := d.start(t, 200, 64)
		fillHistory(t, j, args[3])
		twin := serve(t, args...)
		time.Sleep(measureEach)
		c.goroutines = goroutines(t, twin)
		of = version(t, j)
	})
	if t.Failed() {
		return
	}
	s := serve(t, args...)
	var uses []usage
	begun := time.Now()
	c.run(t, d, func() { uses = append(uses, usageOf(t, s, begun)) })
	if t.Failed() {
		return
	}
	atEnd := goroutines(t, s)

	rows, flat := judge(uses)
	rows.Add("goroutines, start and end", fmt.Sprint(c.goroutines), fmt.Sprint(atEnd), "", "2", report.Met(atEnd-c.goroutines <= 2))
	first, last := uses[0], uses[len(uses)-1]
	var resident []float64
	for _, u := range uses[len(uses)/2:] {
		resident = append(resident, u.rssMiB)
	}
	steady := report.Median(resident)
	rows.Add("resident in the steady state, MiB", "", report.Number(steady), "", fmt.Sprint(soakGoalMiB), report.Met(steady <= soakGoalMiB))
	rows.Add("maximum in the second half, MiB", "", report.Number(slices.Max(resident)))
	rows.Add("peak including start, MiB", "", report.Number(last.peakMiB))
	seconds, lasted := last.cpuSeconds-first.cpuSeconds, last.at-first.at
	text := fmt.Sprintf("%s\n%v of `%s`: %d JVMs with 200 threads in sequence, %d others with a cgroup of their own,\n%d short-lived processes; jvmem is measured each %v. It used %s cores.\n\n%s",
		machine(t, of), lasted.Round(time.Second), strings.Join(slices.Concat([]string{"jvmem serve"}, args[:3], args[4:]), " "),
		c.restarts.Load(), c.visitors.Load(), c.short.Load(), measureEach, report.Number(seconds/lasted.Seconds()), rows)
	write(t, "soak", text)
	if !flat || steady > soakGoalMiB || atEnd-c.goroutines > 2 {
		t.Error("a goal is not met: see the table")
	}
}

// judge compares the second half with the first, after the warm-up, and computes the slope
// over both.
func judge(uses []usage) (table *report.Table, flat bool) {
	uses = uses[len(uses)/warmUp:]
	flat = true
	out := &report.Table{Head: []string{"", "first half", "second half", "slope over all", "allowed", ""}}
	for _, of := range []struct {
		name  string
		limit float64
		value func(usage) float64
	}{
		{"resident, MiB", 1, func(u usage) float64 { return u.rssMiB }},
		{"anonymous, MiB", 1, func(u usage) float64 { return u.anonMiB }},
		{"proportional (Pss), MiB", 1, func(u usage) float64 { return u.pssMiB }},
		{"descriptors", 2, func(u usage) float64 { return u.descriptors }},
		{"threads", 2, func(u usage) float64 { return u.threads }},
	} {
		var x, y []float64
		for _, u := range uses {
			x, y = append(x, u.at.Seconds()), append(y, of.value(u))
		}
		half := len(y) / 2
		first, second := report.Median(y[:half]), report.Median(y[half:])
		rise := report.Slope(x, y) * (x[len(x)-1] - x[0])
		ok := second-first <= of.limit && !(rise > of.limit) && !math.IsNaN(rise)
		flat = flat && ok
		out.Add(of.name, report.Number(first), report.Number(second), report.Number(rise), report.Number(of.limit), report.Met(ok))
	}
	return out, flat
}

// churn is the activity around jvmem until the end.
type churn struct {
	end                       time.Time
	restarts, visitors, short atomic.Int64
	goroutines                int
	dir                       atomic.Pointer[string] // of the current JVM's cgroup
}

// run returns when everything has ended. It calls measure each measureEach.
func (c *churn) run(t *testing.T, d *jdk, measure func()) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		for time.Now().Before(c.end) && !t.Failed() {
			c.restarts.Add(1)
			t.Run("jvm", func(t *testing.T) {
				j := d.start(t, 200, 64)
				j.Do("churn 5 8")
				dir := j.CgroupDir()
				c.dir.Store(&dir)
				defer c.dir.Store(nil)
				c.sleep(*soak / restarts)
			})
		}
	})
	group.Go(func() {
		for time.Now().Before(c.end) && !t.Failed() {
			c.visitors.Add(1)
			t.Run("visitor", func(t *testing.T) {
				jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx32m", "-XX:+UseSerialGC"}})
				c.sleep(10 * time.Second)
			})
			c.sleep(5 * time.Second)
		}
	})
	group.Go(func() {
		for time.Now().Before(c.end) && !t.Failed() {
			c.sleep(shortEach)
			// Without the cgroup, which may be removed by now, it is no process of the container.
			if dir := c.dir.Load(); dir != nil && exec.Command("sh", "-c", `echo 0 >"$0"; exec sleep 0.05`, filepath.Join(*dir, "cgroup.procs")).Run() == nil {
				c.short.Add(1)
			}
		}
	})
	for time.Now().Before(c.end) && !t.Failed() {
		c.sleep(measureEach)
		measure()
	}
}

func (c *churn) sleep(d time.Duration) { time.Sleep(min(d, time.Until(c.end))) }
