package leaks

import (
	"cmp"
	"os"
	"slices"
	"time"
)

// testCase is a JVM and its script.
type testCase struct {
	name string
	// verdict and subject are the expected ones; a subject of "" is not checked.
	verdict, subject string
	// lookAlike: nothing leaks.
	lookAlike bool
	churn     string // default "churn 20 8": the constant work of the JVM
	gc        string // G1
	nmt       string // summary
	flags     []string
	limit     int64 // MiB
	// lasts is the duration of a case without an end; 0: the case ends with an OOM kill or
	// an OutOfMemoryError.
	lasts  time.Duration
	script []action
}

// The settings of the JVM fit the limit: only a leak of memory that they do not limit gets
// it killed.
const (
	usualLimit = 384 // MiB
	wideLimit  = 512
	watched    = 110 * time.Second // duration of a case without an end
)

func usualFlags() []string {
	return []string{
		"-Xms96m", "-Xmx96m", "-XX:MaxMetaspaceSize=96m", "-XX:ReservedCodeCacheSize=48m", "-XX:MaxDirectMemorySize=64m",
		"-XX:+ExitOnOutOfMemoryError", "-Djvmem.library=" + library,
	}
}

func leaks() []testCase {
	// These reach the maximum heap size. Their garbage is promoted to the old generation,
	// which is collected as often in these minutes as otherwise in days.
	heap := func(name string, flags ...string) testCase {
		return testCase{
			name: name, verdict: "heap", churn: "churn 40 20", limit: wideLimit, flags: append([]string{"-Xms64m", "-Xmx192m"}, flags...),
			script: []action{do("objects {n}", steady(1.6))},
		}
	}
	leak := func(name, verdict, command string, perSecond float64, flags ...string) testCase {
		return testCase{
			name: name, verdict: verdict, limit: usualLimit, flags: flags,
			script: []action{do(command, steady(perSecond))},
		}
	}
	with := func(c testCase, change func(*testCase)) testCase { change(&c); return c }

	cases := []testCase{
		heap("heap"),
		with(heap("heap, Parallel", "-Xmn24m"), func(c *testCase) { c.gc = "Parallel" }),
		with(heap("ThreadLocal"), func(c *testCase) {
			c.script = []action{do("threadlocals {n}", steady(1.6))}
		}),
		leak("class loader", "class_loader", "classes {n}", 250, "-XX:MaxMetaspaceSize=1g"),
		with(leak("threads", "threads", "threads {n} 400 leak", 5), func(c *testCase) { c.subject = "leak-#" }),
		with(leak("threads, Serial, NMT off", "threads", "threads {n} 400 leak", 5), func(c *testCase) {
			c.subject, c.gc, c.nmt = "leak-#", "Serial", "off"
		}),
		leak("direct buffers", "direct_buffers", "direct {n}", 2.4, "-XX:MaxDirectMemorySize=1g"),
		leak("Unsafe malloc", "direct_buffers", "unsafe {n}", 2.4),
		leak("JNI malloc", "native_untracked", "jni {n}", 2.4),
		with(leak("JNI malloc, NMT off", "native_untracked", "jni {n}", 2.4), func(c *testCase) { c.nmt = "off" }),
		leak("Deflater without end()", "native_untracked", "deflaters {n}", 9.6),
		leak("glibc retention", "allocator_retention", "jnifragment {n}", 2.4),
		leak("code cache", "code_cache", "jit {n}", 1.6, "-XX:ReservedCodeCacheSize=512m",
			"-XX:TieredStopAtLevel=1", "-Xbatch", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Jit*.*"),
		leak("private file mappings", "mapped_files", "mapprivate {dir}/file {n}", 2.4),
		leak("tmpfs", "shmem", "shmfile {shm}-{i} {n}", 2.4),
		leak("pipes", "kernel", "pipes {n}", 2.4),
		with(leak("child process", "other_process", "childgrow {n}", 2.4), func(c *testCase) {
			c.subject, c.script = "tail", append([]action{do("child 1", once(quiet))}, c.script...)
		}),
		{
			name: "budget too large", verdict: "budget", limit: usualLimit, flags: []string{"-Xms64m", "-Xmx512m"}, lasts: watched,
		},
	}
	if cgroupVersion() == 2 { // cgroup v1 does not charge them
		cases = append(cases, leak("sockets", "kernel", "sockets {n}", 2.4))
	}
	return cases
}

func lookAlikes() []testCase {
	cases := []testCase{
		{name: "idle", churn: "churn 1 1"},
		// The oldest objects become unreachable in the old generation, which is collected sometimes.
		{name: "GC sawtooth", flags: []string{"-Xms192m", "-Xmx192m"}, script: []action{do("churn 60 60", once(quiet))}},
		{name: "heap grows to a plateau", flags: []string{"-Xms32m", "-Xmx160m"}, script: []action{
			do("churn 30 40", once(quiet)), do("objects {n}", saturating(60, 12*time.Second)),
		}},
		{name: "warm-up", flags: []string{"-Xms32m"}, script: []action{
			do("classes {n}", saturating(3000, 8*time.Second)),
			do("threads {n} 100 http-nio-8080-exec", saturating(30, 8*time.Second)),
			do("objects {n}", saturating(30, 8*time.Second)),
			do("jit {n}", saturating(6, 8*time.Second)),
			do("direct {n}", saturating(8, 8*time.Second)),
		}},
		{name: "JIT warm-up", script: []action{
			do("classes 6000", once(0)), do("classrun {n}", saturating(6000, 10*time.Second)),
			do("jitload 14", once(0)), do("jitrun {n}", saturating(14, 10*time.Second)),
		}},
		{name: "pool grows to its maximum", script: []action{do("threads {n} 256 pool", saturating(120, 10*time.Second))}},
		{name: "classes loaded, then stable", script: []action{do("classes {n}", saturating(5000, 10*time.Second))}},
		{name: "redeploy", script: []action{
			do("classes {n}", saturating(2500, 3*time.Second)),
			do("classes {n}", between(45*time.Second, 48*time.Second, 800)),
			do("classdrop 2400", once(50*time.Second)),
			do("gc", once(65*time.Second)),
		}},
		{name: "page cache up to the limit", verdict: "page_cache", script: []action{
			do("pagecache {dir}/file-{i} 6", every(500*time.Millisecond, quiet)),
		}},
		// The kernel writes back and reclaims their pages, mapped or not.
		{name: "shared file mappings", verdict: "page_cache", script: []action{
			do("mapfile {dir}/file-{i} 6", every(500*time.Millisecond, quiet)),
		}},
		{name: "log burst", script: []action{
			do("shmfile {dir}/burst-{i} 2", func(now time.Duration) int {
				return between(30*time.Second, 38*time.Second, 10)(now) + between(75*time.Second, 80*time.Second, 10)(now)
			}),
		}},
		{name: "load spike", script: []action{
			do("churn 150 16", once(40*time.Second)),
			do("threads {n} 256 spike", between(40*time.Second, 45*time.Second, 16)),
			do("direct {n}", between(40*time.Second, 45*time.Second, 8)),
			do("jni {n}", between(40*time.Second, 45*time.Second, 6)),
			do("churn 20 8", once(60*time.Second)),
			do("threadfree", once(60*time.Second)),
			do("directfree", once(60*time.Second)),
			do("jnifree", once(60*time.Second)),
		}},
		{name: "periodic batch", script: []action{
			do("direct 40", every(12*time.Second, quiet)),
			do("jni 30", every(12*time.Second, quiet)),
			do("objects 30", every(12*time.Second, quiet)),
			do("directfree", every(12*time.Second, quiet+4*time.Second)),
			do("jnifree", every(12*time.Second, quiet+4*time.Second)),
			do("objectsfree", every(12*time.Second, quiet+4*time.Second)),
		}},
	}
	for i := range cases {
		c := &cases[i]
		c.lookAlike, c.lasts, c.limit, c.verdict = true, watched, wideLimit, cmp.Or(c.verdict, "none")
	}
	return cases
}

// cgroupVersion returns the version of the hierarchy with the memory controller.
func cgroupVersion() int {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return 2
	}
	return 1
}

// jvmFlags returns all flags of the JVM; those of the case are last and take precedence.
func (c *testCase) jvmFlags() []string {
	return slices.Concat([]string{"-XX:+Use" + c.collector() + "GC", "-XX:NativeMemoryTracking=" + c.tracking()}, usualFlags(), c.flags)
}

func (c *testCase) collector() string { return cmp.Or(c.gc, "G1") }

func (c *testCase) tracking() string { return cmp.Or(c.nmt, "summary") }

func (c *testCase) jvm() string { return c.collector() + ", NMT " + c.tracking() }
