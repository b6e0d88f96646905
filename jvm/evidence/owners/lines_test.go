package owners

import (
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	since := time.Date(2026, 11, 29, 7, 5, 0, 0, time.UTC)
	report := Report{
		Time: since.Add(10 * time.Minute), Since: &since, Growth: Amount{Blocks: 900, Bytes: 60 << 20, ResidentBytes: 50 << 20}, Other: Amount{Blocks: 1, Bytes: 1 << 20, ResidentBytes: 1},
		Owners: []Owner{
			{
				Relation: PointsTo, Library: "libz.so.1.2.13", Share: 0.9, Amount: Amount{Blocks: 800, ResidentBytes: 49 << 20},
				Sizes: []Size{{BlockBytes: 65_552, Blocks: 800}},
			},
			{Mapped: true, Share: 0.5, Amount: Amount{ResidentBytes: 32 << 20}, Sizes: []Size{{}}},
			{Share: 0.08, Amount: Amount{Blocks: 90}, Sizes: []Size{{BlockBytes: 1008, Blocks: 90}}},
			{Relation: Tracked, Category: "Other", Share: 0.01, Amount: Amount{Blocks: 2}, Sizes: []Size{{BlockBytes: 700_000, Blocks: 1}}},
		},
		Libraries: []string{"libfoo.so", "libbar.so"}, Reason: "the time is over",
	}
	want := `native memory new in 10m0s, since 07:05 UTC: 60.0 MiB in 900 blocks, 50.0 MiB of it resident
    49.0 MiB  libz: 800 blocks of 65,552 bytes, 90 % of the growth, which point into libz.so.1.2.13
    32.0 MiB  memory that was mmapped, not by malloc, 50 % of the growth, of a library or of the JVM
     0.0 MiB  90 blocks of 1,008 bytes, 8 % of the growth, that nothing known refers to
     0.0 MiB  HotSpot (Other): 1 block of 700,000 bytes and 1 other, 1 % of the growth
     0.0 MiB  1 other block
third-party libraries loaded: libbar.so, libfoo.so
not all native memory was seen: the time is over`
	if got := strings.Join(report.Lines(), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
