package performance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// servedWindow is one observation of jvmem serve.
	servedWindow = 20 * time.Second
	servedRounds = 5
)

// TestServed measures what a sample costs as it is served: with history, verdict and malloc's
// blocks, by the CPU time of the whole process. Small and large heap take turns.
func TestServed(t *testing.T) {
	d := installed(t)
	sizes := []int{64, 4096} // MiB
	states := []string{"at rest", "1 MiB malloced before each sample"}
	var jvms []*jvmtest.JVM
	for _, size := range sizes {
		jvms = append(jvms, d.start(t, 200, size))
	}
	time.Sleep(youngFor)
	cpu := make(map[string][]float64) // of a sample, in ms
	random := rand.New(rand.NewPCG(1, 2))
	for range servedRounds {
		for _, i := range random.Perm(len(sizes)) {
			for _, state := range states {
				key := fmt.Sprint(sizes[i], state)
				cpu[key] = append(cpu[key], servedCPU(t, jvms[i], state != states[0]))
			}
		}
	}
	var jcmd []float64
	for range servedRounds {
		child, err := process(checkNMT, d.jcmd(jvms[0], "VM.native_memory summary")...)()
		if err != nil {
			t.Fatal(err)
		}
		jcmd = append(jcmd, milliseconds(child.UserTime()+child.SystemTime()))
	}
	out := &report.Table{Head: []string{"", "64 MiB of heap, CPU ms", "of `jcmd`", "4 GiB, CPU ms", "of `jcmd`", "ratio", "goal 1.2"}}
	for _, state := range states {
		small, large, of := report.Median(cpu[fmt.Sprint(sizes[0], state)]), report.Median(cpu[fmt.Sprint(sizes[1], state)]), report.Median(jcmd)
		out.Add(state, report.Number(small), "1/"+report.Number(of/small), report.Number(large), "1/"+report.Number(of/large), report.Number(large/small), report.Met(large <= 1.2*small))
	}
	write(t, "served", fmt.Sprintf("%s\n`jvmem serve --interval 1s --max-cpu 0`, %d observations of %v each, 200 threads, G1; one `jcmd` takes %s ms.\n\n%s",
		machine(t, version(t, jvms[0])), servedRounds, servedWindow, number(jcmd), out))
}

// servedCPU returns the CPU time of one sample in milliseconds.
func servedCPU(t *testing.T, j *jvmtest.JVM, moving bool) float64 {
	t.Helper()
	const interval = time.Second
	s := serve(t, append([]string{"--interval", interval.String(), "--pid", fmt.Sprint(j.PID)}, unlimited(t)...)...)
	defer s.Stop()
	time.Sleep(5 * interval) // the first samples read more
	begun, before := time.Now(), jvmtest.CPUTime(t, s.PID())
	for time.Since(begun) < servedWindow {
		if moving {
			j.Do("unsafe 1")
		}
		time.Sleep(interval)
	}
	spent, samples := jvmtest.CPUTime(t, s.PID())-before, time.Since(begun).Seconds()/interval.Seconds()
	if moving {
		j.Do("unsafefree")
	}
	return milliseconds(spent) / samples
}
