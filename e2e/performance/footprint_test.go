package performance

import (
	"fmt"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const day = 24 * time.Hour

// TestFootprint runs jvmem with default flags and a day of history of a JVM with 200
// threads.
func TestFootprint(t *testing.T) {
	const settle = 30 * time.Second
	state := t.TempDir()
	j := installed(t).start(t, 200, 64)
	j.Do("churn 5 8")
	fillHistory(t, j, state)
	s := serve(t, "--state-dir", state)
	time.Sleep(settle)

	var resident []float64
	begun := time.Now()
	first := usageOf(t, s, begun)
	last := first
	for time.Since(begun) < *settled {
		time.Sleep(min(measureEach, *settled))
		last = usageOf(t, s, begun)
		resident = append(resident, last.rssMiB)
	}
	millicores := 1000 * (last.cpuSeconds - first.cpuSeconds) / (last.at - first.at).Seconds()
	remembered := remembers(t, s)

	out := &report.Table{Head: []string{"", "measured", "goal", ""}}
	out.Add("resident, MiB", number(resident), "16", report.Met(report.Median(resident) <= 16))
	out.Add("peak including start, MiB", report.Number(last.peakMiB), "", "")
	out.Add("anonymous, MiB", report.Number(last.anonMiB), "", "")
	out.Add("millicores", report.Number(millicores), "1", report.Met(millicores <= 1))
	out.Add("descriptors", report.Number(last.descriptors), "", "")
	out.Add("threads", report.Number(last.threads), "", "")
	write(t, "footprint", fmt.Sprintf("%s\n%v without a request, with a JVM of 200 threads and %v of history.\n\n%s",
		machine(t, version(t, j)), (last.at-first.at).Round(time.Second), remembered.Round(time.Minute), out))
}

// fillHistory writes a day of history of a JVM to a state folder.
func fillHistory(t *testing.T, j *jvmtest.JVM, dir string) {
	t.Helper()
	sampler := sample.New(sample.Options{Proc: "/proc", PID: j.PID, ContainerName: "app"})
	defer sampler.Close()
	r, err := sampler.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := history.Open(history.Options{Retention: day, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for r.Time = now.Add(-day); r.Time.Before(now); r.Time = r.Time.Add(10 * time.Second) {
		if err := store.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// remembers returns how far back the history of jvmem goes.
func remembers(t *testing.T, s *sidecar.Process) time.Duration {
	t.Helper()
	h, err := s.History("")
	if err != nil {
		t.Fatal(err)
	}
	oldest := time.Now()
	for _, c := range h.Containers {
		for _, track := range c.Tracks {
			if len(track.Times) > 0 && time.UnixMilli(track.Times[0]).Before(oldest) {
				oldest = time.UnixMilli(track.Times[0])
			}
		}
	}
	return time.Since(oldest)
}
