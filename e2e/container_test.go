package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// checkContainer checks what holds for every breakdown: the container is the JVM's, and the
// rows add up to usage, which equals the value that this process reads.
func checkContainer(t *testing.T, when string, w *workload, c *sidecar.Container) {
	t.Helper()
	if c.ID != w.id || c.CgroupVersion != cgroupVersion() {
		t.Errorf("%s: container %q with cgroup v%d, want %q v%d", when, c.ID, c.CgroupVersion, w.id, cgroupVersion())
	}
	if c.UsageBytes == nil || c.UnattributedBytes == nil || c.LimitBytes == nil || c.WorkingSetBytes == nil ||
		c.HeadroomBytes == nil || c.RSSBytes == nil || c.ReclaimableBytes == nil || c.OOMKills == nil {
		t.Fatalf("%s: a number of the cgroup is null: %v", when, c)
	}
	if *c.LimitBytes != limitBytes || *c.OOMKills != 0 || *c.HeadroomBytes != limitBytes-*c.WorkingSetBytes {
		t.Errorf("%s: limit %d, headroom %d, %d OOM kills", when, *c.LimitBytes, *c.HeadroomBytes, *c.OOMKills)
	}
	if usage := w.usage(); abs(usage-*c.UsageBytes) > 2*mib {
		t.Errorf("%s: usage is %d, the kernel reports %d", when, *c.UsageBytes, usage)
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
	// The charge stock of the kernel, 64 pages per CPU, and the same amount by which
	// memory.stat may lag behind usage.
	stock := int64(2 * 64 * os.Getpagesize() * runtime.NumCPU())
	if len(c.Unknown()) == 0 && abs(*c.UnattributedBytes) > stock {
		t.Errorf("%s: %d KiB unattributed, want no more than %d\n%v", when, *c.UnattributedBytes>>10, stock>>10, c)
	}
}

func checkDetail(t *testing.T, when string, r *sidecar.Row) {
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

// usage reads the container's usage from the host's own view of its cgroup.
func (w *workload) usage() int64 {
	w.t.Helper()
	dir, err := w.pod.engine.CgroupDir(w.t.Context(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(dir, "memory.current")
	if cgroupVersion() == 1 {
		file = filepath.Join(dir, "memory.usage_in_bytes")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	usage, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		w.t.Fatal(fmt.Errorf("%s: %w", file, err))
	}
	return usage
}
