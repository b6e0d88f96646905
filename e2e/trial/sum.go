package trial

import (
	"os"
	"runtime"
	"testing"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// CheckSum checks that rows and details add up, that none is negative, and that all rows make up
// usage.
func CheckSum(t *testing.T, when string, c *sidecar.Container) {
	t.Helper()
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
