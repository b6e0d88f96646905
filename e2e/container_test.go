package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
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
	trial.CheckSum(t, when, c)
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

func abs(n int64) int64 { return max(n, -n) }
