package evidence

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestEvidence queries real JVMs, one without System.native_heap_info among them.
func TestEvidence(t *testing.T) {
	homes := []string{""}
	others, err := filepath.Glob("/usr/lib/jvm/temurin-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, home := range append(homes, others...) {
		t.Run("java "+filepath.Base(home), func(t *testing.T) { testEvidence(t, home) })
	}
}

func testEvidence(t *testing.T, home string) {
	const execs, loaders, arrays, arenas = 40, 50, 32 << 20, 4
	j := jvmtest.Start(t, jvmtest.Options{JavaHome: home, JVMFlags: []string{"-XX:+UseG1GC", "-Xmx128m"}, Env: []string{"MALLOC_ARENA_MAX=4"}})
	j.Do("threads 40 16 http-nio-8080-exec") // the kernel cuts the name
	j.Do("threads 3 16 leak")
	j.Do("classes 50")
	j.Do("heap 32")
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(a)
	if err != nil {
		t.Fatal(err)
	}
	pool := f.Threads.Pools[0]
	if pool.Count != execs {
		t.Fatalf("pools %+v", f.Threads.Pools)
	}

	// Two ways, one number: MALLOC_ARENA_MAX, which a JVM's threads use up.
	counted, err := countArenas(p)
	if err != nil {
		t.Fatal(err)
	}
	if counted.Arenas != arenas || counted.MmapChunks == nil || *counted.MmapBytes < *counted.MmapChunks*128<<10 {
		t.Errorf("counted %+v", counted)
	}
	told, err := NativeHeap(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if told.Arenas != arenas || (told.Source == "malloc_info") != (f.Major >= 21) || (told.InUseBytes != nil) != (f.Major >= 21) {
		t.Errorf("reported %+v", told)
	}
	if told.MmapChunks == nil {
		t.Error("mmapped chunks not reported")
	} else if diff := *told.MmapChunks - *counted.MmapChunks; diff < -2 || diff > 2 { // it keeps running between the two reads
		t.Errorf("%d mmapped chunks reported, %d counted", *told.MmapChunks, *counted.MmapChunks)
	}

	stacks, err := PoolStacks(t.Context(), p, pool.Name)
	for deadline := time.Now().Add(time.Minute); err == nil && stacks.Groups[0].Sharing < execs && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stacks, err = PoolStacks(t.Context(), p, pool.Name) // some are on their way to sleep
	}
	if err != nil {
		t.Fatal(err)
	}
	if stack := stacks.Groups[0]; stack.Name != "http-nio-8080-exec-#" || stacks.Threads != execs || stack.Sharing != execs || stacks.Partial ||
		stacks.States["TIMED_WAITING (sleeping)"] != execs || stack.Depth < len(stack.Frames) || !slices.ContainsFunc(stack.Frames, func(frame string) bool {
		return strings.HasPrefix(frame, "java.lang.Thread.sleep(")
	}) || !slices.ContainsFunc(stack.Frames, func(frame string) bool { return strings.HasPrefix(frame, "Threads.lambda$threads$") }) {
		t.Errorf("%+v", stacks)
	}

	classes, err := ClassLoaders(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(classes.Types, func(l dcmd.LoaderType) bool { return l.Name == "Loader" })
	if i < 0 || classes.Types[i].Loaders != loaders || classes.Types[i].Classes != loaders || classes.Types[i].ChunkBytes < loaders*2<<10 ||
		classes.Total == nil || classes.Total.Loaders <= loaders {
		t.Errorf("%+v", classes)
	}

	histogram, err := Histogram(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if top := histogram.Classes[0]; top.Bytes < arrays || top.Bytes > arrays+8<<20 || top.Name[0] != '[' || len(histogram.Classes) < 100 || len(histogram.Classes) > topClasses ||
		histogram.Total == nil || histogram.Total.Bytes < top.Bytes || histogram.Unreachable == nil || !*histogram.Unreachable {
		t.Errorf("%+v", histogram)
	}
}
