package performance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// without is the baseline.
	without = "without jvmem"
	// requests sends what every sample sends and does nothing else: it shows which part of a
	// stall the JVM causes.
	requests = "requests only, each second"
)

const (
	// stallGoal is the allowed increase of the longest stall.
	stallGoal = 1.0 // ms
	// significantRounds is the least number of observations for which p < 0.05 is possible.
	significantRounds = 4
)

// TestStalls runs an application that measures its own delays, alternately without jvmem
// and with it, at intervals from the default to the shortest allowed.
func TestStalls(t *testing.T) {
	intervals := []string{"10s", "1s", "100ms"}
	waits := []struct{ name, text string }{
		{"turn", "parking for 0.2 ms in a loop: time per iteration"},
		{"map", "mapping 64 KiB of a file"},
		{"unmap", "unmapping it"},
		{"start", "starting a thread"},
	}
	d := installed(t)
	// No collection happens: the young generation has room for hours.
	j := d.start(t, 2000, 4096, "-Xms6g", "-Xmx6g", "-Xmn1g")
	j.Do("stallstart")

	longest, usual, cpu := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	flags := unlimited(t)
	arms := append([]string{without, requests}, intervals...)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range *rounds {
		for _, i := range random.Perm(len(arms)) {
			numbers, millicores := stalls(t, j, arms[i], flags)
			cpu[arms[i]] = append(cpu[arms[i]], millicores)
			for _, w := range waits {
				if numbers[w.name+"_count"] == 0 {
					t.Fatalf("no %s within %v", w.name, *observed)
				}
				key := w.name + " " + arms[i]
				longest[key] = append(longest[key], float64(numbers[w.name+"_max_nanos"])/1e6)
				usual[key] = append(usual[key], float64(numbers[w.name+"_p999_nanos"])/1e6)
			}
			t.Logf("round %d, %s: %v", round, arms[i], numbers)
		}
	}

	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%d observations of %v each, in turn, %s\n\n", machine(t, version(t, j)), *rounds, *observed, counts(t, j.PID))
	for _, w := range waits {
		out := &report.Table{Head: []string{"", "longest, ms", "from", "to", "added", "p", "at most 1 ms", "p99.9, ms", "added", "millicores", "beyond the requests", "p"}}
		none := w.name + " " + without
		for _, arm := range arms {
			key := w.name + " " + arm
			all := longest[key]
			row := []string{arm, number(all), report.Number(slices.Min(all)), report.Number(slices.Max(all)), "", "", "", number(usual[key]), "", "", "", ""}
			if arm != without {
				if arm != requests {
					row[0] = "--interval " + arm
				}
				added, p := beyond(all, longest[none])
				row[4], row[5], row[6] = report.Number(added), report.Number(p), report.Met(added <= stallGoal)
				switch {
				case *rounds < significantRounds:
					row[6] = "too few observations"
				case added > stallGoal && p > benchmath.DefaultThresholds.CompareAlpha:
					row[6] = "within noise"
				}
				row[8] = report.Number(report.Median(usual[key]) - report.Median(usual[none]))
				row[9] = number(cpu[arm])
				if arm != requests {
					more, p := beyond(all, longest[w.name+" "+requests])
					row[10], row[11] = report.Number(more), report.Number(p)
				}
			}
			out.Add(row...)
		}
		fmt.Fprintf(&text, "**%s**\n\n%s\n", w.text, out)
	}
	write(t, "stalls", text.String())
}

// beyond returns by how much one median is above another, and the probability that it is by
// chance.
func beyond(these, those []float64) (ms, p float64) {
	sample := func(values []float64) *benchmath.Sample {
		return benchmath.NewSample(values, &benchmath.DefaultThresholds)
	}
	return report.Median(these) - report.Median(those), benchmath.AssumeNothing.Compare(sample(those), sample(these)).P
}

// stalls observes once, after the first sample and its handshake.
func stalls(t *testing.T, j *jvmtest.JVM, arm string, flags []string) (numbers map[string]int64, millicores float64) {
	t.Helper()
	const settle = 2 * time.Second
	if arm == without {
		time.Sleep(settle)
		j.Do("stalls")
		time.Sleep(*observed)
		return jvmtest.Numbers(j.Do("stalls")), 0
	}
	if arm == requests {
		client := attach.New(target(t, j), attach.Options{})
		j.Do("stalls")
		for end := time.Now().Add(*observed); time.Now().Before(end); time.Sleep(time.Second) {
			if _, err := client.Do(t.Context(), attach.HeapInfo, attach.CodeCache, attach.MetaspaceBasic, attach.NativeMemorySummary); err != nil {
				t.Fatal(err)
			}
		}
		return jvmtest.Numbers(j.Do("stalls")), 0
	}
	s := serve(t, append([]string{"--interval", arm}, flags...)...)
	defer s.Stop()
	time.Sleep(settle)
	j.Do("stalls")
	before := jvmtest.CPUTime(t, s.PID())
	time.Sleep(*observed)
	numbers = jvmtest.Numbers(j.Do("stalls"))
	return numbers, 1000 * (jvmtest.CPUTime(t, s.PID()) - before).Seconds() / observed.Seconds()
}
