package diagnosis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// A service is a JVM that runs for hours to weeks, as jvmem would see it. Its samples and
// light readings are added to a history.Store, so the history has the tracks, the steps and
// the retention of a real one.
//
// The container has 512 MiB, the heap at most 240 MiB.
//
//   - Traffic follows the day: little at night, most in the early afternoon, 30 % of that at
//     weekends, with noise of a tenth. The CPU time follows the traffic.
//   - The heap breathes by 100 MiB, within tens of minutes. Garbage reaches the old
//     generation with the traffic. As with G1, it is collected when the old generation has
//     45 % of the heap (InitiatingHeapOccupancyPercent), then not again for a minute of full
//     traffic; and when metaspace exceeds its threshold, which is then set so that 40 % of
//     it are free (MinMetaspaceFreeRatio).
//   - Classes, metaspace, compiled code and native memory warm up with the work that is
//     done, over the first hours of traffic.
//   - Threads, buffers and sessions follow the traffic.
//   - A batch job may run at 2 o'clock: 80 MiB of buffers and 30 threads for 40 minutes.
//   - Deploys start another JVM: all begins anew.
//
// A leak grows with the traffic, on average of a working day by its rate.
type service struct {
	name     string
	length   time.Duration // at most: a leak ends when memory is used up
	interval time.Duration
	sparse   int // each so many-th point is a sample, the others are light readings
	// perHour is the rate of the leak in MiB, leak adds so many MiB.
	perHour float64
	leak    func(s *state, mib float64)
	// change is anything else that happens.
	change  func(s *state, m *moment)
	batch   bool
	deploys time.Duration // between two; 0: none
	want    rows.Verdict
	missed  string // what is judged wrongly today; "": nothing
}

// moment is when something happens.
type moment struct {
	at      time.Time
	hours   float64 // since the JVM started
	worked  float64 // hours of full traffic since then
	traffic float64 // 1 at most
}

// meanTraffic is the traffic of a working day on average.
const meanTraffic = 0.41

// trafficAt is the traffic without noise.
func trafficAt(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	t := 0.06 + 0.94*math.Pow(max(0, math.Sin(math.Pi*(hour-6)/17)), 1.5)
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		t *= 0.3
	}
	return t
}

// drift is an autoregressive process of deviation 1.
type drift struct {
	random *rand.Rand
	now    float64
}

func (d *drift) next(step, constant time.Duration) float64 {
	keep := math.Exp(-float64(step) / float64(constant))
	d.now = keep*d.now + math.Sqrt(1-keep*keep)*d.random.NormFloat64()
	return d.now
}

const serviceHeap = 240 // MiB, at most

// run adds the service to a store, and calls with the moments at which the sidecar judges.
// It returns when the memory was used up; zero: it was not.
func (s *service) run(t testing.TB, store *history.Store, seed uint64, each func(at time.Time)) (end time.Time) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 11))
	busy, breath, native := drift{random: random}, drift{random: random}, drift{random: random}
	start := time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC) // a Wednesday
	m := moment{}
	var pace Pace
	var garbage, collected, cpu, leaked float64 // collected: worked then
	threshold := 21.0                           // MetaspaceSize, in MiB
	var collections int64
	ticks, started := uint64(1), start
	for i := 0; time.Duration(i)*s.interval < s.length; i++ {
		m.at = start.Add(time.Duration(i) * s.interval)
		if s.deploys > 0 && m.at.Sub(started) >= s.deploys {
			started, ticks, m.worked = m.at, ticks+1, 0
			garbage, collected, cpu, leaked, collections, threshold = 0, 0, 0, 0, 0, 21
		}
		m.hours = m.at.Sub(started).Hours()
		m.traffic = min(1, max(0.01, trafficAt(m.at)*(1+0.1*busy.next(s.interval, 10*time.Minute))))
		inBatch := s.batch && m.at.Hour() == 2 && m.at.Minute() < 40
		work := m.traffic
		if inBatch {
			work = 0.9
		}
		passed := s.interval.Hours()
		m.worked += work * passed
		cpu += 3600 * passed * (0.8*work + 0.01)
		leaked += s.perHour * passed * m.traffic / meanTraffic
		garbage += 120 * passed * work * random.Float64() * 2
		v := s.state(&m, math.Abs(breath.next(s.interval, 20*time.Minute)), native.next(s.interval, 5*time.Minute))
		if inBatch {
			v.native["direct_buffers"] += 80
			v.threads += 30
		}
		if s.change != nil {
			s.change(v, &m)
		}
		if s.leak != nil {
			s.leak(v, leaked)
		}
		full := v.old+garbage > 0.45*serviceHeap && m.worked-collected > 1.0/60
		if metaspace := v.rows[rows.Metaspace]; full || metaspace > threshold {
			garbage, collected, collections, threshold = 0, m.worked, collections+1, max(threshold, metaspace/0.6)
		}
		v.rows[rows.Heap] = min(serviceHeap, max(v.rows[rows.Heap], v.old+garbage+10))
		v.rows[rows.Threads] += 0.1 * v.threads
		v.rows[rows.Kernel] += 0.02 * v.threads
		r := v.report(garbage, collections)
		c := &r.Containers[0]
		c.JVMs[0].StartTicks, c.JVMs[0].CPUSeconds, c.JVMs[0].GC = ticks, new(cpu), "G1"
		err, due := error(nil), false
		if s.sparse == 0 || i%s.sparse == 0 {
			err, due = store.Add(r), pace.Sample()
		} else {
			err = note(store, r)
			pace.Reading()
		}
		if err != nil {
			t.Fatal(err)
		}
		if due {
			each(m.at)
		}
		if *c.UsageBytes-*c.ReclaimableBytes > limit || v.old > 0.95*serviceHeap {
			return m.at
		}
	}
	return time.Time{}
}

// state is the service without leak, batch and what else happens.
func (s *service) state(m *moment, breath, jitter float64) *state {
	warm := saturate(m.worked, 1.5)
	return &state{
		hours: m.hours, now: m.at, old: 45 + 20*m.traffic, threads: 40 + 40*m.traffic, classes: 11000 + 6000*warm, maxHeap: serviceHeap,
		rows: map[rows.Name]float64{
			rows.Heap: 100 + min(100, 60*breath), rows.Metaspace: 40 + 25*warm, rows.CodeCache: 10 + 25*warm,
			rows.GC: 6, rows.Libraries: 5, rows.MappedFiles: 1, rows.PageCache: 20, rows.Kernel: 4,
		},
		native: map[string]float64{
			"jvm_internal": 12 + 5*warm, "direct_buffers": 8 + 8*m.traffic, "untracked": 6 + 8*warm + 3*m.traffic + math.Abs(jitter),
			"allocator_retained": 5 + 4*m.traffic + 2*math.Abs(jitter),
		},
	}
}

// The leaks. A thread has 0.12 MiB, a class 0.01.
func leakHeap(s *state, mib float64)    { s.old += mib }
func leakThreads(s *state, mib float64) { s.threads += math.Floor(mib / 0.12) }
func leakDirect(s *state, mib float64)  { s.native["direct_buffers"] += mib }
func leakNative(s *state, mib float64)  { s.native["untracked"] += mib }
func leakClasses(s *state, mib float64) {
	s.classes += math.Floor(100 * mib)
	s.rows[rows.Metaspace] += mib
}

// open returns a store with the default retention, and how it is judged.
func openStore(t testing.TB) (*history.Store, func(func(*history.Container))) {
	t.Helper()
	store, err := history.Open(history.Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	of := &breakdown.Container{Identity: rows.Identity{ID: "x", CgroupVersion: 2}}
	return store, func(f func(*history.Container)) { store.Container(of, f) }
}
