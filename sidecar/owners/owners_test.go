package owners

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// example has owners of each kind.
func example() *Report {
	amount := func(blocks, bytes int64) owners.Amount {
		return owners.Amount{Blocks: blocks, Bytes: blocks * bytes, ResidentBytes: blocks * bytes}
	}
	sizes := func(blocks int64, bytes uint64) []owners.Size {
		return []owners.Size{{BlockBytes: bytes, Blocks: blocks}}
	}
	since := time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	deflater := owners.Owner{
		Amount: amount(1000, 53631), Share: 0.5, Sizes: append(sizes(800, 65552), owners.Size{BlockBytes: 5968, Blocks: 200}),
		Relation: owners.ReferredTo, Library: "libz.so.1.2.13", JavaClass: "java.util.zip.Deflater$DeflaterZStreamRef", Hops: 2, Agreement: 1, Threads: []string{"http-nio-8080-exec-#"},
	}
	return &Report{Schema: Schema, Report: &owners.Report{
		PID: 4711, Time: since.Add(10 * time.Minute), Since: &since, InUse: amount(123456, 1000), Growth: amount(100000, 1020), Other: amount(12, 300),
		Owners: []owners.Owner{
			deflater,
			{Amount: amount(40000, 816), Share: 0.25, Sizes: sizes(40000, 816), Relation: owners.PointsTo, Library: "libshop.so", Class: "acme::net::Session", Agreement: 1},
			{Amount: amount(9000, 912), Share: 0.1, Sizes: sizes(9000, 912), Relation: owners.ReferredTo, Library: "libshop.so", Global: "orders", Hops: 3, Agreement: 0.97},
			{Amount: amount(900, 1120), Share: 0.06, Sizes: sizes(900, 1120), Relation: owners.PointsTo, Library: "libevents.so", Symbol: "on_data", Agreement: 1},
			{Amount: amount(64, 1052672), Share: 0.05, Sizes: sizes(64, 0), Relation: owners.Tracked, Category: "Other", JavaClass: "java.nio.DirectByteBuffer", Agreement: 1},
			{Amount: amount(64, 10000), Share: 0.02, Sizes: sizes(64, 0), Relation: owners.Tracked, Category: "Symbol", Agreement: 1},
			{Amount: amount(57, 1008), Share: 0.02, Sizes: sizes(57, 1008), Threads: []string{"worker-#", "main"}},
		},
		Libraries: []string{"libshop.so", "libz.so.1.2.13"}, Reason: "the search for what refers to the blocks reached its limit",
	}}
}

func TestGolden(t *testing.T) {
	r := example()
	var text, document bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&document); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"growth.golden.txt": text.Bytes(), "growth.golden.json": document.Bytes()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s (%v):\n%s", name, err, got)
		}
	}
}
