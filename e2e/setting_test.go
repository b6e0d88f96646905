package e2e

import (
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
)

// setting is a special way to run a JVM.
type setting struct {
	name string
	// It is tested with one jdk, collector and nmt.
	jdk, collector, nmt string
	flags, env          []string
	program             []string // instead of java
	noTmp               bool
	// rows are the rows to grow, without some commands; nil is all.
	rows    []string
	without []string
	growths []trial.Growth   // instead of rows
	limits  *trial.Limits    // nil is the default
	failed  []sidecar.Source // sources that fail
}

// few are the rows to grow for settings that are not about memory.
var few = []string{"heap", "metaspace", "threads", "native", "mapped_files"}

func settings() []setting {
	summary := func(name string, flags ...string) setting {
		return setting{name: name, jdk: "21", collector: "G1", nmt: "summary", flags: flags, rows: few}
	}
	with := func(s setting, change func(*setting)) setting { change(&s); return s }
	// Without attach, gc is unknown, and native has only malloc.
	helpless := func(s *setting) {
		s.limits = &trial.Limits{Share: 0.05, Slack: 4 * mib, Unknown: []string{"gc"}}
		s.nmt = "off"
		s.failed = []sidecar.Source{{Name: "attach"}, {Name: "ranges", Reason: "gc", Fix: "attach"}}
	}
	return []setting{
		with(summary("other kinds of memory"), func(s *setting) { s.growths = otherGrowths() }),
		summary("no class data sharing", "-Xshare:off"),
		with(summary("huge pages", "-XX:+UseTransparentHugePages"), func(s *setting) {
			s.limits = &trial.Limits{Share: 0.02, Slack: 8 * mib} // whole pages of 2 MiB
		}),
		with(summary("pre-touched heap", "-XX:+AlwaysPreTouch"), func(s *setting) {
			s.rows = []string{"metaspace", "threads", "native"}
		}),
		with(summary("small heap", "-Xms64m", "-Xmx64m", "-Xmn4m"), func(s *setting) { s.collector = "Serial" }),
		summary("heap of 40 GiB, no compressed oops", "-Xmx40g", "-XX:G1HeapRegionSize=2m"), // with larger ones, half a region per array would be touched
		summary("no compressed oops", "-XX:-UseCompressedOops"),
		summary("small stacks", "-Xss256k"),
		summary("large stacks", "-Xss8m"),
		with(summary("jemalloc"), func(s *setting) {
			s.env = []string{"LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"}
			s.limits = &trial.Limits{Share: 0.02, Slack: 10 * mib}  // it rounds up and retains freed memory
			s.without = []string{"deflaters 100", "jniretain 24 4"} // need glibc's statistics
		}),
		with(summary("one arena"), func(s *setting) { s.env = []string{"MALLOC_ARENA_MAX=1"} }),
		with(summary("JVM in another program"), func(s *setting) {
			s.program = []string{appPath + "/launcher", jdkPath + "/lib/server/libjvm.so"}
		}),
		with(summary("JRE without jdk.attach"), func(s *setting) { s.jdk = "17-no-attach" }),
		with(summary("no hsperfdata", "-XX:-UsePerfData"), func(s *setting) {
			s.failed = []sidecar.Source{{Name: "hsperfdata", Fix: "UsePerfData"}}
		}),
		summary("java.io.tmpdir elsewhere", "-Djava.io.tmpdir=/data"),
		summary("no signals (-Xrs)", "-Xrs"),
		with(summary("attach disabled", "-XX:+DisableAttachMechanism"), helpless),
		with(summary("no /tmp"), func(s *setting) {
			helpless(s)
			s.noTmp = true // no hsperfdata file either: its counters are read from memory
		}),
	}
}

// otherGrowths are tested with one JVM only.
func otherGrowths() []trial.Growth {
	others := []trial.Growth{
		{Command: "threads 4 8192 " + trial.PoolName, Row: "threads", Bytes: 32 * mib, Free: []string{"threadfree"}},
		{Command: "inflaters 400", Row: "native", Account: "in_use_bytes", Free: []string{"inflatersfree"}},
		{Command: "refs 32", Row: "heap", Bytes: 32 * mib, Also: []string{"gc", "native"}, Free: []string{"refsfree"}},
		{Command: "symbols 100", Row: "native", Account: "in_use_bytes", Also: []string{"metaspace"}, Free: []string{"symbolsfree"}},
		{Command: "strings 100", Row: "native", Account: "in_use_bytes", Also: []string{"heap"}, Free: []string{"stringsfree"}},
		// A parked stack is a heap object and is copied like others, so the resident size varies.
		{Command: "vthreads 100 256", Row: "heap", Bytes: 25 * mib, Slack: 16 * mib, Free: []string{"vthreadsfree"}},
		// 192 bytes each and 8 for the reference to the cgroup (include/linux/dcache.h, memcontrol.h).
		{Command: "dentries /data/names 100", Row: "kernel", Bytes: 100_000 * 200, Free: []string{"dentriesfree /data/names"}},
	}
	if cgroupVersion() == 2 { // cgroup v1 does not charge them
		others = append(others, trial.Growth{Command: "sockets 16", Row: "kernel", Bytes: 16 * mib, Free: []string{"socketsfree"}})
	}
	return others
}
