package trial

import (
	"os"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// Growth is one command of the workload and the row that has to grow by it.
type Growth struct {
	Command string
	Row     string
	// Bytes is the known amount. Otherwise Account names the number whose change the
	// reply reports as before_ and after_. With both, anything in between is right.
	Bytes   int64
	Account string
	// Blocks is how many of them malloc may mmap. Each that it does has up to a page more, for its
	// header.
	Blocks int64
	// Slack is an error that is allowed in addition to Limits.
	Slack int64
	// Also are rows that grow with it by an unknown amount.
	Also []string
	// Free are the commands that free it.
	Free []string
}

// Growths returns a growth of each kind of memory. The folder /data must exist.
func Growths() []Growth {
	return []Growth{
		{Command: "heap 48", Row: "heap", Bytes: 48 * mib, Free: []string{"heapfree"}},
		{Command: "bigclasses 90", Row: "metaspace", Account: "metaspace_used_bytes", Free: []string{"classfree"}},
		{Command: "threads 4 8192 " + PoolName, Row: "threads", Bytes: 32 * mib, Free: []string{"threadfree"}},
		{Command: "jit 2", Row: "code_cache", Account: "code_used_bytes", Also: []string{"native", "metaspace"}, Free: []string{"jitfree"}},
		{Command: "direct 32", Row: "native", Bytes: 32 * mib, Blocks: 32, Free: []string{"directfree"}},
		{Command: "unsafe 32", Row: "native", Bytes: 32 * mib, Blocks: 32, Free: []string{"unsafefree"}},
		{Command: "jni 32", Row: "native", Bytes: 32 * mib, Free: []string{"jnifree"}},
		{Command: "jnimmap 32", Row: "native", Bytes: 32 * mib, Free: []string{"jnimunmap"}},
		{Command: "deflaters 100", Row: "native", Account: "in_use_bytes", Free: []string{"deflatersfree"}},
		{Command: "mapfile /data/mapped 32", Row: "mapped_files", Bytes: 32 * mib, Free: []string{"mapfree", "unlink /data/mapped"}},
		{Command: "shmfile /dev/shm/file 32", Row: "shmem", Bytes: 32 * mib, Free: []string{"unlink /dev/shm/file"}},
		{Command: "pagecache /data/cached 32", Row: "page_cache", Bytes: 32 * mib, Free: []string{"unlink /data/cached"}},
		{Command: "child 32", Row: "other_processes", Bytes: 32 * mib, Free: []string{"childfree"}},
		{Command: "pipes 16", Row: "kernel", Bytes: 16 * mib, Free: []string{"pipesfree"}},
		// Less than 24 MiB if malloc retained memory before, whose size is not known exactly.
		{Command: "jniretain 24 4", Row: "native", Bytes: 24 * mib, Account: "retained_bytes"},
	}
}

// warmup returns the same command with the smallest amount, another file and other threads.
func (g Growth) warmup() string {
	words := strings.Fields(g.Command)
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
func (g Growth) amount(t *testing.T, reply string, got int64) int64 {
	t.Helper()
	if g.Account == "" {
		return min(max(got, g.Bytes), g.Bytes+g.Blocks*int64(os.Getpagesize()))
	}
	n := jvmtest.Numbers(reply)
	want := n["after_"+g.Account] - n["before_"+g.Account]
	if want < 3*mib/2 {
		t.Fatalf("%s: %d bytes are too few to measure: %s", g.Command, want, reply)
	}
	if g.Bytes != 0 {
		want = min(max(got, min(want, g.Bytes)), max(want, g.Bytes))
	}
	return want
}
