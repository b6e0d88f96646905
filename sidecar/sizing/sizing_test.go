package sizing

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorded reads a recording of a real JVM.
func recorded(t *testing.T, name string) *history.Document {
	t.Helper()
	file, err := os.Open(filepath.Join("../diagnosis/testdata", name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d, err := history.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGolden has the text of recordings, each for another outcome.
func TestGolden(t *testing.T) {
	for _, name := range []string{
		"recordings/budget-too-large", // does not fit
		"recordings/child-process",    // leaks
		"servers/apps2-activemq-clean",
		"servers/apps2-groovy-clean-defaults", // the limit is too low, metaspace still rises
		"servers/apps4-tomcat-cache-defaults", // a leak is suspected
		"servers/lru-cache",                   // no Native Memory Tracking
		"servers/activemq",                    // far too much heap, of which no part was collected
		"states/idle-threads",                 // no collection
		"states/streaming",                    // too little history
		"states/other-user",                   // unknown
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := All(recorded(t, name), 0).WriteText(&text); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Base(name)+".golden.txt", text.Bytes())
		})
	}
	var text bytes.Buffer
	if err := All(recorded(t, "servers/apps2-activemq-clean"), 128*mib).WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "apps2-activemq-clean.golden.json", text.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
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

// TestRecordings: what holds of every recording. Those of servers take long to judge.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../diagnosis/testdata/recordings/*.json.gz")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d recordings: %v", len(files), err)
	}
	sized := 0
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "../diagnosis/testdata/"), ".json.gz")
		for _, c := range All(recorded(t, name), 0).Containers {
			leaks := len(c.Leaks) > 0
			if leaks && c.Recommended != nil {
				t.Errorf("%s: sizes although it leaks: %v", name, c.Leaks)
			}
			if c.Recommended == nil {
				if !leaks && len(c.Missing) == 0 {
					t.Errorf("%s: no sizes, and no reason", name)
				}
				continue
			}
			sized++
			for _, s := range []*Settings{c.Recommended, c.ForLimit} {
				if s.Fits && (s.NeededBytes > diagnosis.Usable(s.LimitBytes)+mib || s.MaxHeapBytes <= c.plan.jvms[0].heap.live) {
					t.Errorf("%s: %+v", name, s)
				}
			}
			// The heap that is recommended for a limit is the one that the limit was made for.
			if again := c.plan.fit(c.Recommended.LimitBytes); again.MaxHeapBytes < c.Recommended.MaxHeapBytes || again.MaxHeapBytes > c.Recommended.MaxHeapBytes+sizeStep {
				t.Errorf("%s: %d bytes of heap need a limit of %d, which fits %d", name, c.Recommended.MaxHeapBytes, c.Recommended.LimitBytes, again.MaxHeapBytes)
			}
		}
	}
	if sized < 12 {
		t.Errorf("%d recordings have sizes", sized)
	}
}

func TestHeap(t *testing.T) {
	for _, tt := range []struct {
		name string
		heap heap
		want int64
	}{
		{"twice what survives", heap{live: 40 * mib, collections: 3, capacity: 512 * mib}, 80 * mib},
		{"garbage may be in it", heap{live: 40 * mib, capacity: 512 * mib}, 60 * mib},
		{"hardly anything survives", heap{live: 2 * mib, collections: 3, capacity: 64 * mib}, 32 * mib},
		{"concurrent", heap{live: 40 * mib, collections: 3, capacity: 512 * mib, concurrent: true}, 100 * mib},
		{"it still rises", heap{live: 40 * mib, collections: 3, rising: 10 * mib, capacity: 512 * mib}, 92 * mib},
		{"it rises to a multiple", heap{live: 40 * mib, collections: 3, rising: 140 * mib, capacity: 512 * mib}, 236 * mib},
		{"collections are rare in a large heap", heap{live: 40 * mib, collections: 3, capacity: 512 * mib, share: 0.001, timed: true}, 80 * mib},
		{"collections take some time", heap{live: 40 * mib, collections: 3, capacity: 140 * mib, share: 0.02, timed: true}, 92 * mib},
		{"they take as much as they may", heap{live: 60 * mib, collections: 3, capacity: 96 * mib, share: 0.04, timed: true}, 96 * mib},
		{"nearly full, but what survives does not change", heap{live: 60 * mib, collections: 3, capacity: 64 * mib, share: 0.01, timed: true}, 80 * mib},
		{"small, and it suffices", heap{live: 3 * mib, capacity: 12 * mib, share: 0.01, timed: true}, 12 * mib},
		{"they take too much", heap{live: 40 * mib, collections: 3, capacity: 60 * mib, share: 0.08, timed: true}, 80 * mib},
		{"they take nearly all", heap{live: 58 * mib, collections: 3, capacity: 64 * mib, share: 0.9, timed: true}, 128 * mib},
	} {
		if got := tt.heap.need(); got != tt.want {
			t.Errorf("%s: %d MiB, want %d", tt.name, got/mib, tt.want/mib)
		}
		if s := (&plan{jvms: []jvmPlan{{heap: tt.heap}}}).recommend(); !s.Fits || len(s.Options) == 0 {
			t.Errorf("%s: its own recommendation does not fit: %+v", tt.name, s)
		}
	}
	small := heap{live: 40 * mib, capacity: 140 * mib, share: 0.02, timed: true}
	if share, ok := small.expected(90 * mib); !ok || share < 0.0399 || share > 0.0401 {
		t.Errorf("half the room: %v", share)
	}
	if _, ok := small.expected(40 * mib); ok {
		t.Error("no room, but an expectation")
	}
}

// TestPauses: they count up to the CPU time that is spent in them.
func TestPauses(t *testing.T) {
	for _, tt := range []struct {
		pauses, ofCPU, cores, want float64
		counts                     bool // CPU time
	}{
		{0.08, 0.02, 0.12, 0.02, true}, // for lack of CPU
		{0.03, 0.02, 3, 0.03, false},
		{0.08, 0.02, 3, 0.06, false},
		{0, 0.05, 1, 0.05, true}, // unknown
	} {
		h := heap{share: tt.pauses}
		if h.compare(tt.ofCPU, tt.cores); math.Abs(h.share-tt.want) > 1e-9 || h.ofCPU != tt.counts || !h.timed {
			t.Errorf("%+v: %+v", tt, h)
		}
	}
}

// TestFit: a limit that what survives does not fit is told.
func TestFit(t *testing.T) {
	c := &All(recorded(t, "servers/apps2-activemq-clean"), 0).Containers[0]
	if s := c.plan.fit(128 * mib); s.Fits || len(s.Options) > 0 || !strings.HasPrefix(s.Note, "does not fit") {
		t.Errorf("%+v", s)
	}
	if s := c.plan.fit(1); s.Fits || s.MaxHeapBytes != 0 {
		t.Errorf("%+v", s)
	}
	var none *plan
	if none.fit(1<<30) != nil {
		t.Error("settings without sizes")
	}
}
