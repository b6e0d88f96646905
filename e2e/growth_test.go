package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// quiet is how every JVM runs: without a collection by itself, as that would
// touch bitmaps and free pages meanwhile, and without a compiler, which takes
// and gives back malloc as it likes.
var quiet = []string{
	"-Xint", "-XX:+UseG1GC", "-Xms256m", "-Xmx256m", "-XX:MetaspaceSize=256m", "-XX:InitiatingHeapOccupancyPercent=90",
}

// growth is one command of the workload and the row that has to grow by it.
type growth struct {
	command string
	row     string
	bytes   int64 // 0: the pools' own account in the reply
}

// warmup is the same command with the smallest amount, another file and other
// threads.
func (g growth) warmup() string {
	words := strings.Fields(g.command)
	switch {
	case words[0] == "threads":
		words = []string{"threads", "1", "8", "warm"}
	case strings.HasPrefix(words[1], "/"):
		words[1], words[2] = words[1]+"-warm", "1"
	default:
		words[1] = "1"
	}
	return strings.Join(words, " ")
}

var growths = []growth{
	{"heap 48", "heap", 48 * mib},
	{"bigclasses 90", "metaspace", 0},
	{"threads 4 8192", "threads", 32 * mib},
	{"direct 32", "native", 32 * mib},
	{"unsafe 32", "native", 32 * mib},
	{"unsafe 32 4096", "native", 32 * mib},
	{"mapfile /data/mapped 32", "mapped_files", 32 * mib},
	{"shmfile /dev/shm/file 32", "shmem", 32 * mib},
	{"pagecache /data/cached 32", "page_cache", 32 * mib},
	{"child 32", "other_processes", 32 * mib},
}

// limits are how far a row may be off.
type limits struct {
	share float64 // of the amount
	slack int64   // bytes
	// unknown are the rows that nothing tells.
	unknown []string
}

// exact is with everything readable, partial with the JVM's help refused.
func exact() limits   { return limits{0.02, mib, nil} }
func partial() limits { return limits{0.05, 4 * mib, []string{"gc"}} }

// checkGrowths grows one kind of memory at a time by a known amount: the right
// row grows by it, no other does, and all rows add up to usage each time.
func checkGrowths(t *testing.T, w *workload, s *sidecar, growths []growth, l limits) *container {
	t.Helper()
	// The first of each command loads classes, and reads the files they are in.
	for _, g := range growths {
		w.do(g.warmup())
	}
	r := s.newer() // the first VM.info cost the JVM some MiB
	before := r.only(t)
	for _, g := range growths {
		reply := w.do(g.command)
		r := s.newer()
		after := r.only(t)
		checkContainer(t, g.command, w, after)
		if unknown := after.unknown(); !slices.Equal(unknown, l.unknown) {
			t.Errorf("%s: rows %v are null, want %v\n%v", g.command, unknown, l.unknown, after)
		}
		for _, name := range after.unknown() {
			if !explained(after.Sources, name) {
				t.Errorf("%s: no source says why %s is null\n%v", g.command, name, after)
			}
		}
		compare(t, g, wanted(t, g, reply), l, before, after)
		before = after
	}
	return before
}

// wanted returns by how many bytes the row has to grow.
func wanted(t *testing.T, g growth, reply string) int64 {
	t.Helper()
	if g.bytes != 0 {
		return g.bytes
	}
	n := jvmtest.Numbers(reply)
	want := n["after_metaspace_committed_bytes"] - n["before_metaspace_committed_bytes"]
	if want < 24*mib {
		t.Fatalf("%s: %d bytes are too few to see", g.command, want)
	}
	return want
}

// compare checks that one row grew by what was wanted, and no other did.
func compare(t *testing.T, g growth, want int64, l limits, before, after *container) {
	t.Helper()
	tolerance := int64(float64(want)*l.share) + l.slack
	var grown string
	var others []string // for who reads the log
	for i := range after.Memory {
		was, is := &before.Memory[i], &after.Memory[i]
		if was.Bytes == nil || is.Bytes == nil {
			continue
		}
		grew := *is.Bytes - *was.Bytes
		text := fmt.Sprintf("%s %+.2f", is.Name, float64(grew)/mib)
		switch {
		case is.Name == g.row:
			grown = text
			if abs(grew-want) > tolerance {
				t.Errorf("%s: %s MiB, want %.2f ± %.2f\nbefore %v after %v", g.command, text,
					float64(want)/mib, float64(tolerance)/mib, before, after)
			}
			continue
		case grew > 2*mib:
			t.Errorf("%s: %s MiB, want no more than 2\nbefore %v after %v", g.command, text, before, after)
		}
		if abs(grew) > mib/4 {
			others = append(others, text)
		}
	}
	if grown == "" {
		t.Errorf("%s: %s is null\nbefore %v after %v", g.command, g.row, before, after)
	}
	t.Logf("%s: %s of %.2f MiB, unattributed %s; others %v", g.command, grown, float64(want)/mib, kib(after.UnattributedBytes), others)
}

// checkContainer checks what holds of every report: the rows add up, to what the
// kernel says to us too, and it is the JVM's container that is described.
func checkContainer(t *testing.T, when string, w *workload, c *container) {
	t.Helper()
	if c.ID != w.id || c.Name != "app" || c.CgroupVersion != cgroupVersion() {
		t.Errorf("%s: container %q %q with cgroup v%d, want %q app v%d", when, c.ID, c.Name, c.CgroupVersion, w.id, cgroupVersion())
	}
	if c.UsageBytes == nil || c.UnattributedBytes == nil || c.LimitBytes == nil || c.WorkingSetBytes == nil ||
		c.HeadroomBytes == nil || c.RSSBytes == nil || c.ReclaimableBytes == nil || c.OOMKills == nil {
		t.Fatalf("%s: a number of the cgroup is null: %v", when, c)
	}
	if *c.LimitBytes != limitBytes || *c.OOMKills != 0 || *c.HeadroomBytes != limitBytes-*c.WorkingSetBytes {
		t.Errorf("%s: limit %d, headroom %d, %d OOM kills", when, *c.LimitBytes, *c.HeadroomBytes, *c.OOMKills)
	}
	if usage := usageOf(t, w.id); abs(usage-*c.UsageBytes) > 2*mib {
		t.Errorf("%s: usage is %d, the kernel says %d", when, *c.UsageBytes, usage)
	}
	sum := *c.UnattributedBytes
	for _, row := range c.Memory {
		if row.Bytes == nil {
			continue
		}
		if *row.Bytes < 0 {
			t.Errorf("%s: %s is %d", when, row.Name, *row.Bytes)
		}
		sum += *row.Bytes
		checkDetail(t, when, &row)
	}
	if sum != *c.UsageBytes {
		t.Errorf("%s: rows and unattributed add up to %d, usage is %d", when, sum, *c.UsageBytes)
	}
	// The kernel's charge stock, 64 pages a CPU, and as much again that
	// memory.stat may lag behind usage.
	stock := int64(2 * 64 * os.Getpagesize() * runtime.NumCPU())
	if len(c.unknown()) == 0 && abs(*c.UnattributedBytes) > stock {
		t.Errorf("%s: %d KiB unattributed, want no more than %d\n%v", when, *c.UnattributedBytes>>10, stock>>10, c)
	}
}

func checkDetail(t *testing.T, when string, r *row) {
	t.Helper()
	if len(r.Detail) == 0 || r.Bytes == nil {
		return
	}
	var sum int64
	for i := range r.Detail {
		if r.Detail[i].Bytes != nil {
			sum += *r.Detail[i].Bytes
		}
		checkDetail(t, when, &r.Detail[i])
	}
	if sum != *r.Bytes {
		t.Errorf("%s: the details of %s add up to %d, not %d", when, r.Name, sum, *r.Bytes)
	}
}

func cgroupVersion() int {
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err == nil {
		return 1
	}
	return 2
}

// usageOf reads a container's usage from the host's own view of its cgroup.
func usageOf(t *testing.T, id string) int64 {
	t.Helper()
	pattern := "/sys/fs/cgroup/*/" + id + "/memory.current"
	if cgroupVersion() == 1 {
		pattern = "/sys/fs/cgroup/memory/*/" + id + "/memory.usage_in_bytes"
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: found %v, want one file", pattern, files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	usage, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", files[0], err))
	}
	return usage
}

func abs(n int64) int64 { return max(n, -n) }
