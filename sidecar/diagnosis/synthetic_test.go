package diagnosis

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Recordings of real JVMs are in testdata. What takes days comes from the
// generator below: a container of 512 MiB, half of it in use, whose rows move as
// those of a busy service do. Noise is correlated (an autoregressive process with a
// time constant of a minute, 2 MiB), the old generation is a sawtooth with a
// collection each three minutes, threads come and go.

const (
	mib      = 1 << 20
	limit    = 512 * mib
	interval = 30 * time.Second
)

// state is what a scenario may change, at a time.
type state struct {
	hours    float64
	now      time.Time
	rows     map[rows.Name]float64 // MiB
	native   map[string]float64    // details, MiB
	old      float64               // what survives collections, MiB
	threads  float64
	classes  float64
	maxHeap  float64 // MiB
	inactive float64 // reclaimable beside the row page_cache, MiB
}

type scenario struct {
	name     string
	length   time.Duration
	interval time.Duration // between samples; 0: the constant
	sparse   int           // only each so many-th is one, between them is what is cheap; 0: all are
	change   func(*state)
	want     rows.Verdict
	subject  string
	// clean: at no time before the end may anything be accused.
	clean bool
}

func (s *scenario) step() time.Duration { return cmp.Or(s.interval, interval) }

// play feeds a scenario to a store, and calls with each verdict on the way.
func play(t *testing.T, s scenario, seed uint64, each func(time.Duration, Diagnosis)) {
	t.Helper()
	store, err := history.Open(history.Options{Retention: max(24*time.Hour, s.length)})
	if err != nil {
		t.Fatal(err)
	}
	var tracker Tracker
	feed(t, store, s, seed, func(at time.Duration) {
		store.Container(&breakdown.Container{Identity: rows.Identity{ID: "x", CgroupVersion: 2}}, func(c *history.Container) {
			d, _ := tracker.Judge(c)
			each(at, d)
		})
	})
}

// feed adds a scenario's samples to a store, and calls after each few of them.
func feed(t testing.TB, store *history.Store, s scenario, seed uint64, each func(time.Duration)) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 2))
	noise := make(map[string]float64)
	step := s.step()
	jitter := func(name string, size float64) float64 {
		keep := math.Exp(-step.Minutes())
		noise[name] = keep*noise[name] + math.Sqrt(1-keep*keep)*size*random.NormFloat64()
		return noise[name]
	}
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	garbage, collections := 0.0, int64(0)
	for i := 0; time.Duration(i)*step < s.length; i++ {
		at := time.Duration(i) * step
		v := state{
			hours: at.Hours(), now: start.Add(at), old: 60, threads: 60, classes: 12000, maxHeap: 160,
			rows: map[rows.Name]float64{
				rows.Heap: 120, rows.Metaspace: 60, rows.Threads: 12, rows.CodeCache: 20,
				rows.GC: 5, rows.Native: 0, rows.Libraries: 5, rows.OtherProcesses: 0,
				rows.MappedFiles: 1, rows.Shmem: 0, rows.PageCache: 20, rows.Kernel: 6,
			},
			native: map[string]float64{"jvm_internal": 15, "direct_buffers": 10, "untracked": 8, "allocator_retained": 6},
		}
		s.change(&v)
		v.native["untracked"] += math.Abs(jitter("untracked", 1))
		v.native["allocator_retained"] += math.Abs(jitter("retained", 2))
		v.rows[rows.Heap] += jitter("heap", 2)
		v.rows[rows.PageCache] = max(0, v.rows[rows.PageCache]+jitter("cache", 2))
		v.threads += 3 * jitter("threads", 1)
		garbage += random.Float64() * 80 * step.Minutes() / 3
		if garbage > 40 {
			garbage, collections = 0, collections+1
		}
		err, r := error(nil), v.report(garbage, collections)
		if s.sparse == 0 || i%s.sparse == 0 {
			err = store.Add(r)
		} else {
			err = note(store, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if each != nil && (i%30 == 29 || at+step >= s.length) {
			each(at)
		}
	}
}

// note remembers of a report what is read between two samples.
func note(store *history.Store, r *breakdown.Report) error {
	c := &r.Containers[0]
	j := &c.JVMs[0]
	names := []string{
		history.Usage, history.WorkingSet, history.Reclaimable, history.Unreclaimable, history.Limit, history.OOMKills,
		history.Threads, history.Classes, history.OldUsed, history.OldCollections,
	}
	values := []int64{
		*c.UsageBytes, *c.WorkingSetBytes, *c.ReclaimableBytes, *c.UsageBytes - *c.ReclaimableBytes, *c.LimitBytes, *c.OOMKills,
		int64(j.Threads.Live), *j.LoadedClasses, j.OldGeneration.UsedBytes, *j.OldGeneration.Collections,
	}
	if j.CPUSeconds != nil {
		names, values = append(names, history.CPUMillis), append(values, int64(1000**j.CPUSeconds))
	}
	return store.AddReading(c, r.Time, names, values)
}

func (v *state) report(garbage float64, collections int64) *breakdown.Report {
	size := func(m float64) *int64 { return new(int64(m * mib)) }
	c := breakdown.Container{Identity: rows.Identity{ID: "x", Name: "app", CgroupVersion: 2}, LimitBytes: new(int64(limit)), OOMKills: new(int64(0))}
	native := breakdown.Row{Name: rows.Native}
	for _, name := range []string{"jvm_internal", "direct_buffers", "untracked", "allocator_retained"} {
		native.Detail = append(native.Detail, breakdown.Detail{Name: name, Bytes: size(v.native[name])})
		v.rows[rows.Native] += v.native[name]
	}
	usage := v.inactive
	for _, name := range []rows.Name{
		rows.Heap, rows.Metaspace, rows.Threads, rows.CodeCache, rows.GC, rows.Native,
		rows.Libraries, rows.OtherProcesses, rows.MappedFiles, rows.Shmem, rows.PageCache, rows.Kernel,
	} {
		row := breakdown.Row{Name: name, Bytes: size(v.rows[name])}
		if name == rows.Native {
			row.Detail = native.Detail
		}
		usage += v.rows[name]
		c.Memory = append(c.Memory, row)
	}
	c.UsageBytes = size(usage)
	c.ReclaimableBytes = size(v.rows[rows.PageCache] + v.inactive)
	c.WorkingSetBytes = size(usage - v.inactive)
	j := breakdown.JVM{PID: 1, StartTicks: 5, LoadedClasses: new(int64(v.classes)), Flags: map[string]any{"MaxHeapSize": uint64(v.maxHeap * mib)}}
	j.OldGeneration = &jvm.Old{UsedBytes: *size(v.old + garbage), Collections: &collections}
	j.Threads.Live = int(v.threads)
	j.Threads.Pools = []threads.Pool{{Name: "http-nio-8080-e-#", Count: int(v.threads) - 20}, {Name: "GC Thread#", Count: 20}}
	c.JVMs = []breakdown.JVM{j}
	return &breakdown.Report{Time: v.now, Containers: []breakdown.Container{c}}
}

// saturate rises to 1 with a time constant in hours.
func saturate(hours, constant float64) float64 { return 1 - math.Exp(-hours/constant) }

var scenarios = []scenario{
	{name: "1 MiB an hour of malloc for a week", length: 7 * 24 * time.Hour, interval: 3 * time.Minute, want: rows.VerdictNativeUntracked,
		change: func(s *state) { s.native["untracked"] += s.hours }},
	{name: "6 MiB an hour of direct buffers", length: 24 * time.Hour, want: rows.VerdictDirectBuffers,
		change: func(s *state) { s.native["direct_buffers"] += 6 * s.hours }},
	{name: "heap under garbage, 3 MiB an hour", length: 24 * time.Hour, want: rows.VerdictHeap,
		change: func(s *state) { s.old += 3 * s.hours }},
	{name: "10 threads an hour", length: 12 * time.Hour, want: rows.VerdictThreads, subject: "http-nio-8080-e-#",
		change: func(s *state) {
			s.threads += 10 * s.hours
			s.rows[rows.Threads] += 2 * s.hours
			s.rows[rows.Kernel] += 0.3 * s.hours
		}},
	{name: "classes", length: 12 * time.Hour, want: rows.VerdictClassLoader,
		change: func(s *state) {
			s.classes += 500 * s.hours
			s.rows[rows.Metaspace] += 5 * s.hours
			s.native["jvm_internal"] += 1.5 * s.hours
			s.old += 2 * s.hours
		}},
	{name: "retention", length: 24 * time.Hour, want: rows.VerdictAllocatorRetention,
		change: func(s *state) { s.native["allocator_retained"] += 5 * s.hours }},
	{name: "tmpfs", length: 24 * time.Hour, want: rows.VerdictShmem,
		change: func(s *state) { s.rows[rows.Shmem] += 5 * s.hours }},
	{name: "a leak that begins after 20 hours", length: 24 * time.Hour, want: rows.VerdictNativeUntracked,
		change: func(s *state) { s.native["untracked"] += 25 * max(0, s.hours-20) }},
	{name: "a leak after a warm-up", length: 12 * time.Hour, want: rows.VerdictNativeUntracked,
		change: func(s *state) {
			s.rows[rows.Metaspace] += 40 * saturate(s.hours, 0.3)
			s.native["untracked"] += 8*s.hours + 20*saturate(s.hours, 0.3)
		}},

	{name: "idle", length: 24 * time.Hour, want: rows.VerdictNone, clean: true, change: func(*state) {}},
	{name: "warm-up of an hour", length: 12 * time.Hour, want: rows.VerdictNone, clean: true,
		change: func(s *state) {
			s.rows[rows.Metaspace] += 60 * saturate(s.hours, 1)
			s.rows[rows.CodeCache] += 30 * saturate(s.hours, 1)
			s.classes += 8000 * saturate(s.hours, 1)
			s.native["untracked"] += 20 * saturate(s.hours, 1)
		}},
	{name: "step of a deploy", length: 24 * time.Hour, want: rows.VerdictNone, clean: true,
		change: func(s *state) {
			if s.hours > 9 {
				s.rows[rows.Metaspace] += 40
				s.classes += 3000
				s.native["untracked"] += 60
			}
		}},
	{name: "hourly batch job", length: 24 * time.Hour, want: rows.VerdictNone, clean: true,
		change: func(s *state) {
			if minute := 60 * math.Mod(s.hours, 1); minute > 40 {
				ramp := min(1, (minute-40)/6)
				s.native["direct_buffers"] += 100 * ramp
				s.threads += 60 * ramp
			}
		}},
	{name: "heap grows to its maximum", length: 24 * time.Hour, want: rows.VerdictNone, clean: true,
		change: func(s *state) { s.rows[rows.Heap] = min(158, 60+6*s.hours) }},
	{name: "page cache up to the limit", length: 24 * time.Hour, want: rows.VerdictPageCache,
		change: func(s *state) { s.inactive = min(180, 40*s.hours) }},
	{name: "settings that do not fit", length: time.Hour, want: rows.VerdictBudget,
		change: func(s *state) { s.maxHeap = 400 }},
	{name: "a full heap", length: 2 * time.Hour, want: rows.VerdictHeapFull, clean: true,
		change: func(s *state) { s.old = 157 }},
	{name: "a full heap, for which threads wait", length: 2 * time.Hour, want: rows.VerdictHeapFull, clean: true,
		change: func(s *state) { s.old = 157; s.threads += 100 * s.hours; s.rows[rows.Threads] += 10 * s.hours }},
	{name: "memory that glibc retains", length: 3 * time.Hour, want: rows.VerdictRetained, clean: true,
		change: func(s *state) { s.native["allocator_retained"] += 70 * min(1, s.hours/0.1) }},
	{name: "two samples", length: 2 * interval, want: rows.VerdictNotEnoughHistory, change: func(*state) {}},
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				var last Diagnosis
				accused := ""
				play(t, s, seed, func(at time.Duration, d Diagnosis) {
					last = d
					if d.Verdict.Leak() && accused == "" && (s.clean || d.Verdict != s.want) {
						accused = fmt.Sprintf("after %s: %s", at, d.Summary)
					}
				})
				if last.Verdict != s.want || last.Subject != s.subject {
					t.Errorf("seed %d: %s %s, want %s: %s", seed, last.Verdict, last.Subject, s.want, last.Summary)
				}
				if accused != "" {
					t.Errorf("seed %d: wrongly accused %s", seed, accused)
				}
				if s.want.Leak() {
					checkForecast(t, &last)
				}
			}
		})
	}
}

// TestSparse: with a sample each fifth time only, and what is cheap between them, the
// verdict is the same, and so is the forecast, to 15 %. Fewer samples than it takes
// are not made enough by what is cheap; only states that hurt now need no history.
func TestSparse(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var dense, sparse Diagnosis
			play(t, s, 1, func(_ time.Duration, d Diagnosis) { dense = d })
			s.sparse = 5
			play(t, s, 1, func(at time.Duration, d Diagnosis) {
				sparse = d
				if enough := at/s.step()/5+1 >= minSamples; d.Verdict != rows.VerdictNotEnoughHistory && !d.Verdict.Urgent() && !enough {
					t.Errorf("after %s a verdict: %s", at, d.Summary)
				}
				if d.Verdict.Leak() && (s.clean || d.Verdict != s.want) {
					t.Errorf("after %s: %s", at, d.Summary)
				}
			})
			if enough := s.length/s.step()/5 > minSamples*11/10; enough && (sparse.Verdict != dense.Verdict || sparse.Subject != dense.Subject) {
				t.Errorf("%s %s, want %s %s: %s", sparse.Verdict, sparse.Subject, dense.Verdict, dense.Subject, sparse.Summary)
			}
			if !s.want.Leak() {
				return
			}
			if row := rows.RowOf(dense.Verdict, dense.Subject); dense.Findings[0].Row != row || dense.Incidents[0].Row != row {
				t.Errorf("row %q of the finding and %q of the incident, want %q", dense.Findings[0].Row, dense.Incidents[0].Row, row)
			}
			near := func(what string, got, want float64) {
				if math.Abs(got/want-1) > 0.15 {
					t.Errorf("%s: %.0f, with all samples %.0f", what, got, want)
				}
			}
			near("bytes an hour", float64(sparse.Findings[0].Rate.BytesPerHour), float64(dense.Findings[0].Rate.BytesPerHour))
			near("seconds to the limit", sparse.Forecast.Seconds, dense.Forecast.Seconds)
		})
	}
}

// checkForecast: all leaks of the generator are straight lines.
func checkForecast(t *testing.T, d *Diagnosis) {
	t.Helper()
	if d.Forecast == nil || d.Growth == nil && d.Verdict != rows.VerdictHeap {
		t.Errorf("no forecast: %s", d.Summary)
		return
	}
	f := d.Forecast
	if f.LowSeconds > f.Seconds || f.HighSeconds < f.Seconds || f.Seconds <= 0 {
		t.Errorf("a forecast of %v", *f)
	}
}
