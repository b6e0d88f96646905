package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// grownNative is a look at native memory that grew by 32 MiB.
func grownNative(at time.Time) *owners.Report {
	since := at.Add(-time.Hour)
	return &owners.Report{
		PID: 7, Time: at, Since: &since, Growth: owners.Amount{Blocks: 900, Bytes: 33 << 20, ResidentBytes: 32 << 20},
		Owners: []owners.Owner{
			{
				Relation: owners.PointsTo, Library: "libz.so.1.2.13", JavaClass: "java.util.zip.Deflater", Share: 0.9,
				Amount: owners.Amount{Blocks: 800, Bytes: 30 << 20, ResidentBytes: 29 << 20}, Sizes: []owners.Size{{BlockBytes: 65_552, Blocks: 800}},
			},
			{Share: 0.06, Amount: owners.Amount{Blocks: 90, Bytes: 2 << 20, ResidentBytes: 2 << 20}, Sizes: []owners.Size{{BlockBytes: 1008, Blocks: 90}}},
		},
		Libraries: []string{"libfoo.so"}, Complete: true,
	}
}

func TestOwners(t *testing.T) {
	h := Handler(observed(t), maxAge)
	for target, want := range map[string][]string{
		"/owners": {`"schema": "jvmem.container_owners/v1"`, `"library": "libz.so.1.2.13"`, "\"jvms\": [],\n      \"reason\": \"whether native"},
		"/owners?format=text": {
			"container app:\nJVM 7 at 2026-11-26T01:00:30Z\nnative memory new in 1h0m0s, since 00:00 UTC: 33.0 MiB in 900 blocks, 32.0 MiB of it resident\n    29.0 MiB  libz (java.util.zip.Deflater): 800 blocks of 65,552 bytes, 90 % of the growth",
			"\nwhether native memory leaks is not known: 3 of 60 samples; `jvmem owners` looks at once\n",
		},
	} {
		r := get(t, h, http.MethodGet, target, "")
		for _, part := range want {
			if r.Code != http.StatusOK || !strings.Contains(r.Body.String(), part) {
				t.Errorf("%s: %d, want %s in\n%s", target, r.Code, part, r.Body)
			}
		}
	}
}

// TestNoOwners: nothing is suspected of a JVM that was judged.
func TestNoOwners(t *testing.T) {
	if got := ownersOf(&diagnosis.Diagnosis{Verdict: rows.VerdictNone}).Reason; got != "no leak of native memory is suspected" {
		t.Error(got)
	}
}

// TestNativeOwned: the libraries and the rest add up to what the look divided.
func TestNativeOwned(t *testing.T) {
	s := observed(t)
	n, sum, untracked := 0, 0.0, 0.0
	for series, value := range values(t, scrape(t, s)) {
		if strings.HasPrefix(series, "jvmem_native_owned_bytes") {
			n, sum = n+1, sum+value
		}
		if strings.HasPrefix(series, "jvmem_memory_detail_bytes{") && strings.Contains(series, `container="app"`) && strings.Contains(series, `detail="untracked"`) {
			untracked = value
		}
	}
	if n != 2 || sum != untracked || sum < 1<<20 {
		t.Errorf("%d series with %.0f bytes, untracked %.0f", n, sum, untracked)
	}
}

// TestNativeGrowthBounded: of many libraries the largest have a series, and the sum is the
// growth.
func TestNativeGrowthBounded(t *testing.T) {
	s := observed(t)
	d := s.latestDiagnosis().Containers[0]
	for i := range 3 {
		r := grownNative(time.Now())
		r.PID = i
		for k := range r.Owners {
			r.Owners[k].Library = fmt.Sprintf("lib%d-%d.so", i, k)
		}
		for k := range 3 {
			r.Owners = append(r.Owners, owners.Owner{Library: fmt.Sprintf("libsmall%d-%d.so", i, k), Amount: owners.Amount{ResidentBytes: 1 << 10}})
		}
		d.Findings[0].Gathered = &diagnosis.Gathered{Owners: append(d.OwnersOf(), r)}
	}
	s.SetDiagnosis(&diagnosis.Report{Time: time.Now(), Containers: []diagnosis.Diagnosis{d}})
	n, sum := 0, 0.0
	for series, value := range values(t, scrape(t, s)) {
		if strings.HasPrefix(series, "jvmem_native_growth_bytes") {
			n, sum = n+1, sum+value
		}
	}
	if n != maxLibraries+1 || sum != 4*32<<20 {
		t.Errorf("%d series with %.0f bytes", n, sum)
	}
}
