package sidecar

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

const mib = 1 << 20

var record = flag.String("record", "", "folder to write the facts of each mode of TestRowsGrow to, as sidecar/breakdown/testdata has them")

// growth is one command of the workload and the row that has to grow by it.
type growth struct {
	command string
	row     breakdown.RowName
	// bytes is the known amount; 0: the pools' own account in the reply.
	bytes int64
}

func growths(dir, shm string) []growth {
	return []growth{
		{"heap 48", breakdown.Heap, 48 * mib},
		{"bigclasses 90", breakdown.Metaspace, 0},
		{"threads 4 8192", breakdown.ThreadStacks, 32 * mib},
		{"direct 32", breakdown.Native, 32 * mib},
		{"unsafe 32", breakdown.Native, 32 * mib},
		{"unsafe 24 4096", breakdown.Native, 24 * mib},
		{"mapfile " + filepath.Join(dir, "mapped") + " 32", breakdown.MappedFiles, 32 * mib},
		{"shmfile " + shm + " 32", breakdown.Shmem, 32 * mib},
		{"pagecache " + filepath.Join(dir, "cached") + " 32", breakdown.PageCache, 32 * mib},
		{"child 32", breakdown.OtherProcesses, 32 * mib},
	}
}

// TestRowsGrow grows one kind of memory at a time by a known amount: the right
// row grows by it, no other row does, and all rows add up to usage each time.
func TestRowsGrow(t *testing.T) {
	// No collection by itself: it would touch bitmaps and free pages meanwhile.
	common := []string{"-Xms256m", "-Xmx256m", "-XX:MetaspaceSize=256m"}
	g1 := with(common, "-XX:+UseG1GC", "-XX:InitiatingHeapOccupancyPercent=90")
	for _, mode := range []struct {
		name  string
		flags []string
		// share and slack are the tolerance: a part of the amount, and bytes.
		share float64
		slack int64
		// unknown rows are those that nothing tells in this mode.
		unknown []breakdown.RowName
	}{
		{"g1 nmt summary", with(g1, "-XX:NativeMemoryTracking=summary"), 0.02, mib, nil},
		{"g1 nmt detail", with(g1, "-XX:NativeMemoryTracking=detail"), 0.02, mib, nil},
		{"g1 nmt off", g1, 0.02, mib, nil},
		{"g1 attach refused", with(g1, "-XX:+DisableAttachMechanism"), 0.05, 4 * mib, []breakdown.RowName{breakdown.GC}},
		// ZGC pays for its heap when it commits it: start small.
		{"z nmt summary", with(common, "-Xms16m", "-XX:+UseZGC", "-XX:NativeMemoryTracking=summary"), 0.02, mib, nil},
	} {
		t.Run(mode.name, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{JVMFlags: mode.flags, LimitBytes: 768 * mib})
			s := NewSampler(Options{Proc: "/proc", PID: j.PID})
			defer s.Close()
			shm := fmt.Sprintf("/dev/shm/jvmem-test-%d", j.PID)
			t.Cleanup(func() { _ = os.Remove(shm) })

			sample(t, s) // the first VM.info costs the JVM some MiB
			j.Do("bigclasses 4")
			for _, g := range growths(t.TempDir(), shm) {
				before := sample(t, s)
				reply := j.Do(g.command)
				after := sample(t, s)
				checkSum(t, g.command, &after)
				checkUnknown(t, &after, mode.unknown)
				want := g.bytes
				if want == 0 {
					n := jvmtest.Numbers(reply)
					want = n["after_metaspace_committed_bytes"] - n["before_metaspace_committed_bytes"]
				}
				tolerance := int64(float64(want)*mode.share) + mode.slack
				for i, row := range after.Memory {
					if row.Bytes == nil || before.Memory[i].Bytes == nil {
						continue
					}
					grew := *row.Bytes - *before.Memory[i].Bytes
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
			if *record != "" {
				recordFacts(t, s, "jdk17-"+strings.ReplaceAll(mode.name, " ", "-"))
			}
		})
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

func checkUnknown(t *testing.T, c *breakdown.Container, unknown []breakdown.RowName) {
	t.Helper()
	var got []breakdown.RowName
	for _, row := range c.Memory {
		if row.Bytes == nil {
			got = append(got, row.Name)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(unknown) {
		t.Errorf("unknown rows %v, want %v", got, unknown)
	}
}
