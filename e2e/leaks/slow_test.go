package leaks

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// slowFor is how long TestSlow lets JVMs leak 1 to 10 MiB a minute.
var slowFor = flag.Duration("slow", 0, "duration of TestSlow, about 20m; 0: it is skipped")

// slowCase leaks so much per minute on average.
type slowCase struct {
	testCase
	mibPerMinute float64
	perMiB       float64 // amount of the command
}

// slowCases are the leaks of the bench, and two servers without a leak.
func slowCases() []slowCase {
	rates := map[string]float64{
		"heap": 6, "heap, Parallel": 4, "ThreadLocal": 5, "class loader": 5, "threads": 2, "threads, Serial, NMT off": 1, "direct buffers": 2,
		"Unsafe malloc": 5, "JNI malloc": 1, "JNI malloc, NMT off": 3, "Deflater without end()": 5, "glibc retention": 10, "code cache": 3,
		"private file mappings": 3, "tmpfs": 1, "pipes": 2, "child process": 5, "sockets": 2,
	}
	var all []slowCase
	for _, c := range leaks() {
		if rates[c.name] == 0 {
			continue
		}
		s := slowCase{testCase: c, mibPerMinute: rates[c.name], perMiB: 1}
		switch c.verdict {
		case "threads":
			s.perMiB = 2.2 // 400 KiB of stack and some kernel memory each
		case "class_loader":
			s.perMiB = 170
		}
		if strings.HasPrefix(c.name, "Deflater") {
			s.perMiB = 4
		}
		all = append(all, s)
	}
	for _, name := range []string{"warm-up", "pool grows to its maximum"} {
		i := slices.IndexFunc(lookAlikes(), func(c testCase) bool { return c.name == name })
		all = append(all, slowCase{testCase: lookAlikes()[i]})
	}
	for i := range all {
		all[i].lasts = *slowFor
	}
	return all
}

// load is how busy a JVM is, from minute to minute: it ramps up, holds, pauses, returns at
// half the rate, and so on again. On average it is 1.
var load = [...]float64{0.6, 1.4, 2, 2, 2, 0, 0, 1, 1, 0.6, 0.4}

// worked returns the minutes of average load up to a time.
func worked(now time.Duration) float64 {
	sum, minutes := 0.0, now.Minutes()
	for i := 0; float64(i) < minutes; i++ {
		sum += load[i%len(load)] * min(1, minutes-float64(i))
	}
	return sum
}

// prepare replaces the script: what grows and the JVM's usual work follow the load.
func (c *slowCase) prepare() {
	churn, live := 10, 8
	if c.churn != "" {
		if _, err := fmt.Sscanf(c.churn, "churn %d %d", &churn, &live); err != nil {
			panic(err) // a constant of this package
		}
		churn /= 4
	}
	if !c.lookAlike {
		last := &c.script[len(c.script)-1]
		last.due = func(now time.Duration) int {
			return int(c.mibPerMinute * c.perMiB * (worked(now) - worked(min(now, quiet))))
		}
	}
	for i := range int(slowFor.Minutes()) + 1 {
		busy := int(float64(churn) * load[i%len(load)])
		c.script = append(c.script, do(fmt.Sprintf("churn %d %d", busy, live), once(time.Duration(i)*time.Minute)))
	}
}

// slowCourse is what one sidecar said.
type slowCourse struct {
	outcome
	setting string
}

// TestSlow runs -parallel slow leaks at a time, each observed by two sidecars. The table says
// when each was named. A leak that is not named at the end, and an accusation without a
// leak, fail.
func TestSlow(t *testing.T) {
	if *slowFor == 0 {
		t.Skip("run with -slow 20m")
	}
	cases := slowCases()
	var mu sync.Mutex
	var all []*slowCourse
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				found := c.runSlow(t)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, found...)
			})
		}
	})
	place := func(o *slowCourse) int {
		return 2*slices.IndexFunc(cases, func(c slowCase) bool { return c.name == o.c.name }) + len(o.setting)%2
	}
	slices.SortFunc(all, func(a, b *slowCourse) int { return place(a) - place(b) })
	table := [][]string{{"leak", "MiB a minute", "setting", "named after", "grown by then", "changes", "wrong before", "at the end"}}
	for _, o := range all {
		i := slices.IndexFunc(cases, func(c slowCase) bool { return c.name == o.c.name })
		table = append(table, o.cells(&cases[i]))
	}
	var text bytes.Buffer
	writeTable(&text, table)
	fmt.Print(text.String())
	if *markdown != "" {
		if err := os.WriteFile(*markdown, text.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (c *slowCase) runSlow(t *testing.T) []*slowCourse {
	c.prepare()
	r := &trial{T: t, c: &c.testCase, dir: t.TempDir(), ended: make(chan struct{})}
	r.j = jvmtest.Start(t, jvmtest.Options{JVMFlags: c.jvmFlags(), LimitBytes: c.limit * mib})
	r.shm = fmt.Sprintf("/dev/shm/jvmem-leaks-%d", r.j.PID)
	t.Cleanup(r.removeShm)
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	t.Cleanup(func() { cancel(); background.Wait() })
	r.begun = time.Now()
	background.Go(func() { r.awaitEnd(ctx) })
	var all []*slowCourse
	var failures [2]error
	for _, setting := range sidecar.Settings() {
		o := &slowCourse{outcome{c: &c.testCase, begun: r.begun}, setting.Name}
		observer := *r
		observer.proc = jvmtest.NewPodProc(t)
		if err := observer.proc.ShowCgroup(r.j.CgroupDir()); err != nil {
			t.Fatal(err)
		}
		observer.s = sidecar.Start(t, sidecar.Options{Binary: *binary, Proc: observer.proc, Flags: append([]string{"--log-interval", "0"}, setting.Flags...)})
		failure := &failures[len(all)]
		all = append(all, o)
		background.Go(func() { *failure = observer.observe(ctx, &o.outcome) })
	}
	r.follow()
	cancel()
	background.Wait()
	if err := errors.Join(failures[:]...); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		o.end = time.Now()
		for _, complaint := range o.complaints() {
			t.Errorf("%s: %s", o.setting, complaint)
		}
		if *record != "" && o.history != nil {
			name := strings.ReplaceAll("slow-"+fileName(c.name)+"-"+o.setting[:1]+".json.gz", "/", "")
			if err := errors.Join(os.MkdirAll(*record, 0o755), writeGzip(filepath.Join(*record, name), o.history)); err != nil {
				t.Error(err)
			}
		}
	}
	return all
}

func (o *slowCourse) cells(c *slowCase) []string {
	rate, named, grown := "", "", ""
	if !c.lookAlike {
		rate, named = fmt.Sprintf("%.0f", c.mibPerMinute), "never"
		if d, ok := o.timeToVerdict(); ok {
			named = fmt.Sprintf("%.1f min", d.Minutes())
			grown = fmt.Sprintf("%.0f MiB", c.mibPerMinute*worked(d))
		}
	}
	changes, last := 0, ""
	for i := range o.verdicts {
		now := name(o.verdicts[i])
		if last != "" && last != "not_enough_history" && now != last {
			changes++
		}
		last = now
	}
	end := name(o.last())
	for _, i := range o.last().Incidents {
		if i.State == "suspected" {
			end += "; suspected: " + i.Verdict
			if i.Waiting != "" {
				end += ", waiting for " + i.Waiting
			}
		}
	}
	return []string{c.name, rate, o.setting, named, grown, fmt.Sprint(changes), o.accusations(), end}
}
