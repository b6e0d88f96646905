package apps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// A server is first run with far more than it needs.
	generousLimit, generousHeap = 1024, 512 // MiB
	// The load is so many times that of bench-apps: what a server needs is asked for under load.
	sizingLoad = 2
	// The second run is so many times as long: a recommendation is for what comes after it.
	secondRun = 2
	// fullRun is the time that the number of a case's other requests is for. Their rate is the same in every run.
	fullRun = 10 * time.Minute
)

// settings are a recommendation of /sizing.
type settings struct {
	LimitBytes    int64    `json:"limit_bytes"`
	NeededBytes   int64    `json:"needed_bytes"`
	HeadroomBytes int64    `json:"headroom_bytes"`
	MaxHeapBytes  int64    `json:"max_heap_bytes"`
	Options       []string `json:"options"`
}

// sized is what /sizing says of a container.
type sized struct {
	Confidence string   `json:"confidence"`
	Missing    []string `json:"missing"`
	Leaks      []string `json:"leaks"`
	Current    *struct {
		Fits *bool `json:"fits"`
	} `json:"current"`
	Recommended *settings `json:"recommended"`
}

// trial is a server under load with some settings.
type trial struct {
	limit                  int64 // bytes
	answered               int64 // requests
	ended                  string
	peak, workingSet       int64 // bytes: the most that cannot be reclaimed, and of the working set
	classes, threads       int64
	collecting             float64 // of the CPU time; NaN: unknown
	told                   time.Duration
	wasTold                bool // that the settings do not fit
	lasted                 time.Duration
	sized                  *sized
	heap                   int64
	loadFailed             error
	cpuMillis, pauseMillis int64
	history, document      []byte // as the sidecar served them last
}

// sizingCases returns each clean server with each of three collectors.
func sizingCases() []testCase {
	var all []testCase
	for _, c := range cases() {
		if c.fault != "" {
			continue
		}
		for _, gc := range []string{"G1", "Serial", "Z"} {
			c := c
			c.gc = gc
			all = append(all, c)
		}
	}
	return all
}

// failure is why there is no outcome.
func (o *outcome) failure() string {
	if o.first == nil {
		return "the server did not start"
	}
	return fmt.Sprint(o.first.ended, o.first.loadFailed)
}

// with returns the case with other settings. Of two flags the last one takes precedence.
func (c testCase) with(limit int64, flags ...string) testCase {
	c.limit, c.flags = limit/mib, slices.Concat(c.flags, flags)
	c.rate = max(c.rate, peakRate) * sizingLoad
	return c
}

// TestSizing runs each server with generous settings, then with what /sizing recommends.
func TestSizing(t *testing.T) {
	if *binary == "" {
		t.Fatal("run `make bench-sizing`")
	}
	for _, c := range sizingCases() {
		t.Run(c.server.name+"/"+c.gc, func(t *testing.T) {
			c.install(t)
			classes := c.compile(t)
			t.Parallel()
			run := func(name string, length time.Duration, limit int64, flags ...string) (r *trial) {
				c := c.with(limit, flags...)
				c.faults = int(float64(c.faults) * length.Seconds() / fullRun.Seconds())
				t.Run(name, func(t *testing.T) { r = c.try(t, classes, length) })
				return r
			}
			o := outcome{c: &c, first: run("generous", *duration, generousLimit*mib, fmt.Sprintf("-Xmx%dm", generousHeap))}
			if o.first == nil || o.first.ended != "" || o.first.loadFailed != nil {
				t.Fatalf("no run with generous settings: %s", o.failure())
			}
			if r := o.first.sized.Recommended; r != nil {
				if o.second = run("recommended", secondRun**duration, r.LimitBytes, r.Options...); o.second == nil {
					o.second = &trial{limit: r.LimitBytes, ended: "did not start"}
				}
			}
			sizes.add(o)
		})
	}
}

// TestUnfit runs servers whose heap fills with settings that do not fit: that is told before
// the kill.
func TestUnfit(t *testing.T) {
	if *binary == "" {
		t.Fatal("run `make bench-sizing`")
	}
	for _, c := range cases() {
		if c.verdict != "heap" || c.gc == "Z" {
			continue
		}
		t.Run(c.server.name, func(t *testing.T) {
			c.install(t)
			classes := c.compile(t)
			t.Parallel()
			const limit = 192
			c.faults *= 3
			sizes.addUnfit(outcome{c: &c, first: c.with(limit*mib, fmt.Sprintf("-Xmx%dm", limit)).try(t, classes, *duration)})
		})
	}
}

// try runs the server under load, with one sidecar.
func (c testCase) try(t *testing.T, classes string, length time.Duration) *trial {
	t.Helper()
	log := filepath.Join(t.TempDir(), "gc.log")
	c.flags = append(slices.Clone(c.flags), "-Xlog:gc+cpu=info:file="+log)
	j, to := c.start(t, classes)
	s := sidecar.Start(t, sidecar.Options{Binary: *binary, Proc: jvmtest.NewPodProc(t, j.PID), Flags: append([]string{"--log-interval", "0"}, sidecar.Settings()[1].Flags...)})
	load := &generator{to: to, rate: c.rate, faults: c.faults, duration: length}
	r := &trial{limit: c.limit * mib, sized: &sized{}}
	begun := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		select {
		case <-ctx.Done():
		case <-j.Exited():
			cancel()
		}
	})
	others.Go(func() { r.watch(ctx, s, begun) })
	load.run(ctx)
	r.lasted, r.answered, r.loadFailed = time.Since(begun), load.sent.Load()-load.failed.Load(), load.check()
	cancel()
	others.Wait()
	select {
	case <-j.Exited():
		r.ended = j.Cmd.ProcessState.String()
	default:
		if err := r.read(s); err != nil {
			t.Error(err)
		}
	}
	r.collecting = float64(r.pauseMillis) / float64(max(r.cpuMillis, 1))
	if seconds, ok := collectorSeconds(log); ok {
		r.collecting = seconds * 1000 / float64(max(r.cpuMillis, 1))
	}
	if err := r.record(c.server.name + " " + c.gc + " " + mibs(r.limit)); err != nil {
		t.Error(err)
	}
	return r
}

// record writes what the sidecar served to the folder -record.
func (r *trial) record(name string) error {
	if *record == "" {
		return nil
	}
	path := filepath.Join(*record, fileName(name))
	return errors.Join(os.WriteFile(path+".history.json", r.history, 0o644), os.WriteFile(path+".sizing.json", r.document, 0o644))
}

// watch reads again and again, as the JVM may end.
func (r *trial) watch(ctx context.Context, s *sidecar.Process, begun time.Time) {
	clock := time.NewTicker(pollInterval)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		_ = r.read(s) // the last reading counts
		if p := r.sized.Current; p != nil && p.Fits != nil && !*p.Fits && !r.wasTold {
			r.wasTold, r.told = true, time.Since(begun)
		}
	}
}

// read reads what the sidecar knows.
func (r *trial) read(s *sidecar.Process) error {
	text, err := s.Get("/sizing")
	if err != nil {
		return err
	}
	var report struct{ Containers []sized }
	if err := json.Unmarshal(text, &report); err != nil {
		return err
	}
	if len(report.Containers) != 1 {
		return errors.New("no container: the JVM has ended")
	}
	r.sized = &report.Containers[0]
	r.document = text
	if text, err = s.Get("/history"); err != nil {
		return err
	}
	r.history = text
	var history struct {
		Containers []struct {
			Tracks []struct {
				Series map[string]struct{ Last, Max []*int64 }
			}
		}
	}
	if err := json.Unmarshal(text, &history); err != nil {
		return err
	}
	for name, most := range map[string]*int64{
		"unreclaimable": &r.peak, "working_set": &r.workingSet, "classes": &r.classes, "threads": &r.threads,
		"cpu_ms": &r.cpuMillis, "gc_ms": &r.pauseMillis, "row/heap": &r.heap,
	} {
		for _, track := range history.Containers[0].Tracks {
			for _, values := range [][]*int64{track.Series[name].Last, track.Series[name].Max} {
				for _, v := range values {
					if v != nil {
						*most = max(*most, *v)
					}
				}
			}
		}
	}
	return nil
}

// collectorSeconds is the CPU time of the collector's threads, from HotSpot's log.
func collectorSeconds(path string) (sum float64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for _, m := range regexp.MustCompile(`User=([\d.]+)s Sys=([\d.]+)s`).FindAllStringSubmatch(string(text), -1) {
		for _, n := range m[1:] {
			seconds, err := strconv.ParseFloat(n, 64)
			if err != nil {
				return 0, false
			}
			sum += seconds
		}
		ok = true
	}
	return sum, ok
}

func TestCollectorSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gc.log")
	if _, ok := collectorSeconds(path); ok {
		t.Error("no log, but a time")
	}
	log := "[0.1s][info][gc,cpu] GC(0) User=0.02s Sys=0.01s Real=0.01s\n[0.2s][info][gc] GC(1) Pause\n[0.3s][info][gc,cpu] GC(1) User=0.10s Sys=0.00s Real=0.05s\n"
	if err := os.WriteFile(path, []byte(log), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, ok := collectorSeconds(path); !ok || s < 0.1299 || s > 0.1301 {
		t.Errorf("%v", s)
	}
}

// heapMiB is -Xmx of the options.
func (s *settings) heapMiB() int64 { return s.MaxHeapBytes / mib }

func semicolons(all []string) string { return strings.Join(all, "; ") }
