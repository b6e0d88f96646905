package e2e

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// growth is one command of the workload and the row that has to grow by it.
type growth struct {
	command string
	row     string
	// bytes is the known amount. Otherwise account names the number whose change the
	// reply reports as before_ and after_. With both, anything in between is right.
	bytes   int64
	account string
	// slack is an error that is allowed in addition to limits.
	slack int64
	// also are rows that grow with it by an unknown amount.
	also []string
	// free are the commands that free it.
	free []string
}

var growths = []growth{
	{command: "heap 48", row: "heap", bytes: 48 * mib, free: []string{"heapfree"}},
	{command: "bigclasses 90", row: "metaspace", account: "metaspace_used_bytes", free: []string{"classfree"}},
	{command: "threads 4 8192 " + poolName, row: "threads", bytes: 32 * mib, free: []string{"threadfree"}},
	{command: "jit 2", row: "code_cache", account: "code_used_bytes", also: []string{"native", "metaspace"}, free: []string{"jitfree"}},
	{command: "direct 32", row: "native", bytes: 32 * mib, free: []string{"directfree"}},
	{command: "unsafe 32", row: "native", bytes: 32 * mib, free: []string{"unsafefree"}},
	{command: "jni 32", row: "native", bytes: 32 * mib, free: []string{"jnifree"}},
	{command: "jnimmap 32", row: "native", bytes: 32 * mib, free: []string{"jnimunmap"}},
	{command: "deflaters 100", row: "native", account: "in_use_bytes", free: []string{"deflatersfree"}},
	{command: "mapfile /data/mapped 32", row: "mapped_files", bytes: 32 * mib, free: []string{"mapfree", "unlink /data/mapped"}},
	{command: "shmfile /dev/shm/file 32", row: "shmem", bytes: 32 * mib, free: []string{"unlink /dev/shm/file"}},
	{command: "pagecache /data/cached 32", row: "page_cache", bytes: 32 * mib, free: []string{"unlink /data/cached"}},
	{command: "child 32", row: "other_processes", bytes: 32 * mib, free: []string{"childfree"}},
	{command: "pipes 16", row: "kernel", bytes: 16 * mib, free: []string{"pipesfree"}},
	// Less than 24 MiB if malloc retained memory before, whose size is not known exactly.
	{command: "jniretain 24 4", row: "native", bytes: 24 * mib, account: "retained_bytes"},
}

// otherGrowths are tested with one JVM only.
func otherGrowths() []growth {
	others := []growth{
		{command: "threads 4 8192 " + poolName, row: "threads", bytes: 32 * mib, free: []string{"threadfree"}},
		{command: "inflaters 400", row: "native", account: "in_use_bytes", free: []string{"inflatersfree"}},
		{command: "refs 32", row: "heap", bytes: 32 * mib, also: []string{"gc", "native"}, free: []string{"refsfree"}},
		{command: "symbols 100", row: "native", account: "in_use_bytes", also: []string{"metaspace"}, free: []string{"symbolsfree"}},
		{command: "strings 100", row: "native", account: "in_use_bytes", also: []string{"heap"}, free: []string{"stringsfree"}},
		// A parked stack is a heap object and is copied like others, so the resident size varies.
		{command: "vthreads 100 256", row: "heap", bytes: 25 * mib, slack: 16 * mib, free: []string{"vthreadsfree"}},
		// 192 bytes each and 8 for the reference to the cgroup (include/linux/dcache.h, memcontrol.h).
		{command: "dentries /data/names 100", row: "kernel", bytes: 100_000 * 200, free: []string{"dentriesfree /data/names"}},
	}
	if cgroupVersion() == 2 { // cgroup v1 does not charge them
		others = append(others, growth{command: "sockets 16", row: "kernel", bytes: 16 * mib, free: []string{"socketsfree"}})
	}
	return others
}

// warmup returns the same command with the smallest amount, another file and other threads.
func (g growth) warmup() string {
	words := strings.Fields(g.command)
	switch {
	case words[0] == "jit":
		words[1] = "0"
	case words[0] == "threads":
		words = []string{"threads", "1", "8", "warm"}
	case strings.HasPrefix(words[1], "/"):
		words[1], words[2] = words[1]+"-warm", "1"
	default:
		words[1] = "1"
	}
	return strings.Join(words, " ")
}

// amount returns the number of bytes by which a row that grew by got has to grow.
func (g growth) amount(t *testing.T, reply string, got int64) int64 {
	t.Helper()
	if g.account == "" {
		return g.bytes
	}
	n := jvmtest.Numbers(reply)
	want := n["after_"+g.account] - n["before_"+g.account]
	if want < 3*mib/2 {
		t.Fatalf("%s: %d bytes are too few to measure: %s", g.command, want, reply)
	}
	if g.bytes != 0 {
		want = min(max(got, min(want, g.bytes)), max(want, g.bytes))
	}
	return want
}
