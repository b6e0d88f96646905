package performance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// attachListener is HotSpot's thread that runs the commands of attach clients, vmThread
	// the one that executes safepoints.
	attachListener, vmThread = "Attach Listener", "VM Thread"
	// samplesOfADay is their number at the default interval of 10 s.
	samplesOfADay = 24 * 60 * 6
)

// TestDay measures what a day of samples costs the JVM itself: CPU time of the threads that
// work for jvmem, and safepoints. A day is 8,640 samples: what is rare is counted in samples.
func TestDay(t *testing.T) {
	jdks := []*jdk{installed(t)}
	latest, noLatest := newest()
	if noLatest == nil {
		jdks = append(jdks, latest)
	}
	out := &report.Table{Head: []string{"a day of samples at the default interval", "Attach Listener, CPU s", "VM Thread, CPU s", "safepoints", "stopped, s", "safepoints by operation"}}
	var versions []string
	for _, d := range jdks {
		log := filepath.Join(t.TempDir(), "safepoints")
		j := d.start(t, 200, 64, "-Xlog:safepoint:file="+log)
		of := version(t, j)
		versions = append(versions, of)
		s := serve(t, append([]string{"--interval", "1s"}, unlimited(t)...)...)
		time.Sleep(youngFor)
		for _, work := range []struct{ name, command string }{
			{"at rest", ""}, {"20 MiB a second allocated and collected", "churn 20 8"},
		} {
			if work.command != "" {
				j.Do(work.command)
			}
			name := fmt.Sprintf("JDK %s, 200 threads, %s", feature(of), work.name)
			begun, before, stops := time.Now(), threadTimes(t, j), safepoints(t, log)
			time.Sleep(*observed)
			samples := float64(samplesSince(t, s, begun))
			after, during := threadTimes(t, j), safepoints(t, log)[len(stops):]
			day := samplesOfADay / samples
			out.Add(append([]string{name}, dayRow(day, before, after, during)...)...)
		}
		s.Stop()
	}
	text := fmt.Sprintf("%s\n%v of `jvmem serve --interval 1s --max-cpu 0` each, scaled to the samples of a day.\nSafepoints of collections are left out: they are the application's.\n\n%s", machine(t, versions...), *observed, out)
	if noLatest != nil {
		text += fmt.Sprintf("\nThe newest JDK is not available: %v\n", noLatest)
	}
	write(t, "day", text)
}

func dayRow(day float64, before, after map[string]time.Duration, during []safepoint) []string {
	row := make([]string, 0, 5)
	for _, thread := range []string{attachListener, vmThread} {
		row = append(row, report.Number(day*(after[thread]-before[thread]).Seconds()))
	}
	during = slices.DeleteFunc(during, func(s safepoint) bool { return isCollection(s.operation) })
	operations := make(map[string]int)
	for _, s := range during {
		operations[s.operation]++
	}
	var names []string
	for name, count := range operations {
		names = append(names, fmt.Sprintf("%s %s", name, report.Number(day*float64(count))))
	}
	slices.Sort(names)
	total, _ := stopped(during)
	return append(row, report.Number(day*float64(len(during))), report.Number(day*total.Seconds()), strings.Join(names, ", "))
}

// isCollection reports whether a safepoint belongs to G1.
func isCollection(operation string) bool {
	return strings.HasPrefix(operation, "G1") || strings.Contains(operation, "Collect")
}

// threadTimes returns the CPU time of the JVM's threads by name. The kernel counts it in
// nanoseconds in schedstat.
func threadTimes(t *testing.T, j *jvmtest.JVM) map[string]time.Duration {
	t.Helper()
	dirs, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	times := make(map[string]time.Duration)
	for _, dir := range dirs {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		name := strings.TrimSpace(string(comm))
		if err != nil || name != attachListener && name != vmThread {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "schedstat"))
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		times[name] += time.Duration(ns)
	}
	if len(times) != 2 {
		t.Fatalf("threads %v", times)
	}
	return times
}
