package sample

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const mib = 1 << 20

var record = flag.String("record", "", "folder to write the facts of each mode of TestRowsGrow to, as sidecar/breakdown/testdata has them")

// growth is one command of the workload and the row that has to grow by it.
type growth struct {
	command string
	row     rows.Name
	// bytes is the known amount; 0: the pools' own account in the reply.
	bytes int64
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

func growths(dir, shm string) []growth {
	return []growth{
		{"heap 48", rows.Heap, 48 * mib},
		{"bigclasses 90", rows.Metaspace, 0},
		{"threads 4 8192", rows.Threads, 32 * mib},
		{"direct 32", rows.Native, 32 * mib},
		{"unsafe 32", rows.Native, 32 * mib},
		{"unsafe 24 4096", rows.Native, 24 * mib},
		{"mapfile " + filepath.Join(dir, "mapped") + " 32", rows.MappedFiles, 32 * mib},
		{"shmfile " + shm + " 32", rows.Shmem, 32 * mib},
		{"pagecache " + filepath.Join(dir, "cached") + " 32", rows.PageCache, 32 * mib},
		{"child 32", rows.OtherProcesses, 32 * mib},
	}
}

// TestRowsGrow grows one kind of memory at a time by a known amount: the right
// row grows by it, no other row does, and all rows add up to usage each time. The
// pages of a JVM that is no more young are counted only when they may have changed.
func TestRowsGrow(t *testing.T) {
	// No collection on its own: it would touch bitmaps and free pages meanwhile.
	// And no compiler, which allocates and frees malloc at any time.
	common := []string{"-Xint", "-Xms256m", "-Xmx256m", "-XX:MetaspaceSize=256m"}
	g1 := with(common, "-XX:+UseG1GC", "-XX:InitiatingHeapOccupancyPercent=90")
	old := jvmtest.Start(t, jvmtest.Options{JVMFlags: with(g1, "-XX:NativeMemoryTracking=summary"), LimitBytes: 768 * mib})
	oldAt := time.Now().Add(grownUp)
	for _, mode := range []struct {
		name  string
		flags []string
		// share and slack are the tolerance: a part of the amount, and bytes.
		share float64
		slack int64
		// unknown rows have no source in this mode.
		unknown []rows.Name
	}{
		{"g1 nmt summary", with(g1, "-XX:NativeMemoryTracking=summary"), 0.02, mib, nil},
		{"g1 nmt detail", with(g1, "-XX:NativeMemoryTracking=detail"), 0.02, mib, nil},
		{"g1 nmt off", g1, 0.02, mib, nil},
		{"g1 attach refused", with(g1, "-XX:+DisableAttachMechanism"), 0.05, 4 * mib, []rows.Name{rows.GC}},
		// ZGC pays for its heap when it commits it: start small. It commits pages of
		// 2 MiB and more, also for itself, so its own count is the known amount.
		{"z nmt summary", with(common, "-Xms16m", "-XX:+UseZGC", "-XX:NativeMemoryTracking=summary"), 0.02, mib, nil},
		{"no more young", nil, 0.02, mib, nil},
	} {
		t.Run(mode.name, func(t *testing.T) {
			j := old
			if mode.flags != nil {
				j = jvmtest.Start(t, jvmtest.Options{JVMFlags: mode.flags, LimitBytes: 768 * mib})
			} else {
				time.Sleep(time.Until(oldAt))
			}
			s := New(Options{Proc: "/proc", PID: j.PID})
			defer s.Close()
			shm := fmt.Sprintf("/dev/shm/jvmem-test-%d", j.PID)
			t.Cleanup(func() { _, _ = os.Remove(shm), os.Remove(shm+"-warm") })

			sample(t, s) // the first VM.info costs the JVM some MiB
			// The first of each command loads classes, and reads the files they are in.
			all := growths(t.TempDir(), shm)
			for _, g := range all {
				j.Do(g.warmup())
			}
			for _, g := range all {
				before := sample(t, s)
				if j == old {
					checkSteady(t, g.command, s)
				}
				reply := j.Do(g.command)
				after := sample(t, s)
				checkSum(t, g.command, &after)
				checkUnknown(t, &after, mode.unknown)
				want := g.bytes
				if want == 0 {
					n := jvmtest.Numbers(reply)
					want = n["after_metaspace_committed_bytes"] - n["before_metaspace_committed_bytes"]
				}
				z := before.JVMs[0].GC == "ZGC"
				zCommitted := int64(0)
				if z {
					zCommitted = *after.Row(rows.Heap).CommittedBytes - *before.Row(rows.Heap).CommittedBytes
				}
				if z && g.row == rows.Heap {
					if zCommitted < want {
						t.Errorf("%s: ZGC committed %d bytes", g.command, zCommitted)
					}
					want = zCommitted
				}
				tolerance := int64(float64(want)*mode.share) + mode.slack
				if z {
					tolerance += 4 * mib // pages that were committed since the reply
				}
				for i, row := range after.Memory {
					if row.Bytes == nil || before.Memory[i].Bytes == nil {
						continue
					}
					grew := *row.Bytes - *before.Memory[i].Bytes
					if row.Name == rows.Heap && g.row != rows.Heap {
						grew -= zCommitted
					}
					switch {
					case row.Name == g.row && abs(grew-want) > tolerance:
						t.Errorf("%s: %s grew by %.2f MiB, want %.2f ± %.2f", g.command, row.Name,
							float64(grew)/mib, float64(want)/mib, float64(tolerance)/mib)
					case row.Name != g.row && grew > 2*mib:
						t.Errorf("%s: %s grew by %.2f MiB, want no more than 2", g.command, row.Name, float64(grew)/mib)
					}
				}
				if after.Row(g.row).Bytes == nil {
					continue
				}
				t.Logf("%-16s %-15s %+6.2f MiB of %.2f, unattributed %d KiB", g.command[:min(16, len(g.command))], g.row,
					float64(*after.Row(g.row).Bytes-*before.Row(g.row).Bytes)/mib, float64(want)/mib, *after.UnattributedBytes>>10)
			}
			if j == old { // a thread is reported at once, its stack when the pages are counted
				checkSteady(t, "before a thread", s)
				j.Do("threads 1 8 lone")
				c := sample(t, s)
				if !slices.ContainsFunc(c.JVMs[0].Threads.Pools, func(p threads.Pool) bool { return p.Name == "lone-#" && p.Count == 1 }) {
					t.Errorf("the new thread is not reported: %+v", c.JVMs[0].Threads)
				}
			}
			if *record != "" {
				recordFacts(t, s, "jdk17-"+strings.ReplaceAll(mode.name, " ", "-"))
			}
		})
	}
}

// checkSteady checks that the pages of a JVM to which nothing happens are not counted
// each time.
func checkSteady(t *testing.T, when string, s *Sampler) {
	t.Helper()
	counted := func() uintptr {
		facts, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return reflect.ValueOf(facts[0].JVMs[0].Resident).Pointer() // a new map each time
	}
	for last, end := counted(), time.Now().Add(10*time.Second); ; {
		now := counted()
		if now == last {
			return
		}
		if last = now; time.Now().After(end) {
			t.Fatalf("%s: the pages are counted each time", when)
		}
	}
}

// recordFacts writes what was read, for the golden tests of the attribution.
func recordFacts(t *testing.T, s *Sampler, name string) {
	t.Helper()
	facts, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(facts, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*record, name+".facts.json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func with(flags []string, more ...string) []string { return slices.Concat(flags, more) }

func sample(t testing.TB, s *Sampler) breakdown.Container {
	t.Helper()
	report, err := s.Sample(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Containers) != 1 {
		t.Fatalf("%d containers, want 1", len(report.Containers))
	}
	return report.Containers[0]
}

// checkSum checks the invariant: what is left over is the kernel's charge stock
// (64 pages a CPU), and as much again that memory.stat may lag behind usage.
func checkSum(t *testing.T, when string, c *breakdown.Container) {
	t.Helper()
	sum, known := *c.UnattributedBytes, true
	for _, row := range c.Memory {
		if row.Bytes == nil {
			known = false
			continue
		}
		sum += *row.Bytes
		checkDetail(t, when, string(row.Name), row.Bytes, row.Detail)
	}
	if sum != *c.UsageBytes {
		t.Errorf("%s: rows and unattributed add up to %d, usage is %d", when, sum, *c.UsageBytes)
	}
	stock := int64(2 * 64 * os.Getpagesize() * runtime.NumCPU())
	if known && (*c.UnattributedBytes > stock || *c.UnattributedBytes < -stock) {
		t.Errorf("%s: %d KiB unattributed, want no more than %d", when, *c.UnattributedBytes>>10, stock>>10)
	}
}

func checkDetail(t *testing.T, when, name string, whole *int64, details []breakdown.Detail) {
	t.Helper()
	if len(details) == 0 || whole == nil {
		return
	}
	var sum int64
	for _, d := range details {
		if d.Bytes != nil {
			sum += *d.Bytes
		}
		checkDetail(t, when, name+"."+d.Name, d.Bytes, d.Detail)
	}
	if sum != *whole {
		t.Errorf("%s: the details of %s add up to %d, not %d", when, name, sum, *whole)
	}
}

func checkUnknown(t *testing.T, c *breakdown.Container, unknown []rows.Name) {
	t.Helper()
	var got []rows.Name
	for _, row := range c.Memory {
		if row.Bytes == nil {
			got = append(got, row.Name)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(unknown) {
		t.Errorf("unknown rows %v, want %v", got, unknown)
	}
}

// TestStoppedJVM: a stopped JVM delays nothing. Its earlier replies still name its memory,
// and it is queried again when it continues.
func TestStoppedJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:+UseG1GC", "-Xmx64m"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	if c := sample(t, s); !c.Complete() {
		t.Fatalf("not complete before: %+v", c.Sources)
	}
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(j.PID, sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	defer signal(syscall.SIGCONT)
	c := sample(t, s)
	checkSum(t, "stopped", &c)
	checkUnknown(t, &c, nil)
	if source := source(t, &c, jvm.SourceAttach); source.OK || !strings.Contains(source.Reason, "stopped") {
		t.Errorf("attach of a stopped JVM: %+v", source)
	}

	// One that was never queried while it ran.
	fresh := New(Options{Proc: "/proc", PID: j.PID})
	defer fresh.Close()
	c = sample(t, fresh)
	checkSum(t, "stopped, never queried", &c)
	checkUnknown(t, &c, []rows.Name{rows.GC})

	signal(syscall.SIGCONT)
	c = sample(t, s)
	if source := source(t, &c, jvm.SourceAttach); !source.OK {
		t.Errorf("attach of a JVM that runs again: %+v", source)
	}
}

func source(t *testing.T, c *breakdown.Container, name string) jvm.Source {
	t.Helper()
	for _, s := range c.Sources {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no source %s in %+v", name, c.Sources)
	return jvm.Source{}
}

// TestJVMEnds: the report of a JVM that is gone is an error, never its last state.
func TestJVMEnds(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	one, all := New(Options{Proc: "/proc", PID: j.PID}), New(Options{Proc: jvmtest.NewPodProc(t, j.PID).Dir()})
	defer one.Close()
	defer all.Close()
	sample(t, one)
	if !sees(t, all, j.PID) {
		t.Errorf("JVM %d is not found among all processes", j.PID)
	}
	j.Send("exit")
	<-j.Exited()
	if _, err := one.Sample(context.Background()); !errors.Is(err, jvm.ErrGone) {
		t.Errorf("sample of a JVM that ended: %v, want ErrGone", err)
	}
	if sees(t, all, j.PID) {
		t.Errorf("JVM %d is still reported after its end", j.PID)
	}
}

// TestTwoContainers: each container is reported with its own usage, and their JVMs
// are not mixed up.
func TestTwoContainers(t *testing.T) {
	small := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 200 * mib})
	large := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 300 * mib})
	large.Do("unsafe 40")
	s := New(Options{Proc: jvmtest.NewPodProc(t, os.Getpid(), small.PID, large.PID).Dir(), ContainerName: "app"})
	defer s.Close()
	report, err := s.Sample(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Containers) != 2 || !report.Complete() {
		t.Fatalf("report of two containers: %+v", report)
	}
	byPID := make(map[int]*breakdown.Container)
	for i := range report.Containers {
		c := &report.Containers[i]
		checkSum(t, "two containers", c)
		if len(c.JVMs) != 1 || c.Name != "" { // which of the two is meant cannot be known
			t.Errorf("container %q has JVMs %+v", c.Name, c.JVMs)
		}
		byPID[c.JVMs[0].PID] = c
	}
	a, b := byPID[small.PID], byPID[large.PID]
	if *a.LimitBytes != 200*mib || *b.LimitBytes != 300*mib {
		t.Errorf("limits %d and %d", *a.LimitBytes, *b.LimitBytes)
	}
	if more := *b.Row(rows.Native).Bytes - *a.Row(rows.Native).Bytes; abs(more-40*mib) > 4*mib {
		t.Errorf("native of the second is larger by %d, want 40 MiB", more)
	}
}

func sees(t *testing.T, s *Sampler, pid int) bool {
	t.Helper()
	report, err := s.Sample(context.Background())
	if err != nil && !errors.Is(err, ErrNoJVM) {
		t.Fatal(err)
	}
	for _, c := range report.Containers {
		for _, j := range c.JVMs {
			if j.PID == pid {
				return true
			}
		}
	}
	return false
}

// TestKilledWhileRead kills a JVM at different moments of a sample: there is a
// report or a clear error, never a crash, and no descriptor stays open.
func TestKilledWhileRead(t *testing.T) {
	before := descriptors(t)
	for i := range 12 {
		j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
		s := New(Options{Proc: "/proc", PID: j.PID})
		go func() {
			time.Sleep(time.Duration(i) * 2 * time.Millisecond)
			_ = syscall.Kill(j.PID, syscall.SIGKILL)
		}()
		for {
			report, err := s.Sample(context.Background())
			if err != nil {
				if !errors.Is(err, jvm.ErrGone) && !errors.Is(err, jvm.ErrNotJVM) {
					t.Errorf("killed after %d ms: %v", 2*i, err)
				}
				break
			}
			c := report.Containers[0]
			var sum int64
			for _, row := range c.Memory {
				if row.Bytes != nil {
					sum += *row.Bytes
				}
			}
			if c.UsageBytes != nil && sum+*c.UnattributedBytes != *c.UsageBytes {
				t.Errorf("killed after %d ms: rows do not add up", 2*i)
			}
		}
		<-j.Exited()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := descriptors(t); after > before+4*12 { // jvmtest keeps pipes until the test ends
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNotAJVM(t *testing.T) {
	for pid, want := range map[int]error{os.Getpid(): jvm.ErrNotJVM, 1 << 22: jvm.ErrGone} {
		s := New(Options{Proc: "/proc", PID: pid})
		if _, err := s.Sample(context.Background()); !errors.Is(err, want) {
			t.Errorf("process %d: %v, want %v", pid, err, want)
		}
	}
}

// TestLimitChanges: a limit that is changed while the JVM runs, as by a resize of the
// pod in place, is in the next sample.
func TestLimitChanges(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 256 * mib})
	s := New(Options{Proc: "/proc", PID: j.PID})
	defer s.Close()
	name := map[int]string{1: "memory.limit_in_bytes", 2: "memory.max"}[j.CgroupVersion()]
	for _, limit := range []int64{256 * mib, 200 * mib, 240 * mib} {
		if err := os.WriteFile(filepath.Join(j.CgroupDir(), name), []byte(fmt.Sprint(limit)), 0o600); err != nil {
			t.Fatal(err)
		}
		c := sample(t, s)
		if c.LimitBytes == nil || *c.LimitBytes != limit || *c.HeadroomBytes != limit-*c.WorkingSetBytes {
			t.Errorf("limit %v, headroom %v, want %d", c.LimitBytes, c.HeadroomBytes, limit)
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }
