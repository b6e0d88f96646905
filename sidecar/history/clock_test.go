package history

import (
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// setClock returns what time.Now would have returned had the clock been set: the
// monotonic reading stays. Seconds are above the lowest 30 bits of the first word.
func setClock(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	set := at
	*(*uint64)(unsafe.Pointer(&set)) += uint64(int64(by/time.Second)) << 30
	if set.Round(0).Sub(at.Round(0)) != by || set.Sub(at) != 0 {
		t.Fatalf("%v set by %v is %v: time.Time has changed", at, by, set)
	}
	return set
}

// TestClockSet: whichever way the clock is set, what was a minute ago still was, and
// nothing seems to have stood still, or to have been forgotten, for a day.
func TestClockSet(t *testing.T) {
	const day = 24 * time.Hour
	for name, by := range map[string]time.Duration{"an hour back": -time.Hour, "a day forward": day, "a year forward": 365 * day, "1970": -50 * 365 * day} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Retention: day})
			begun := time.Now()
			clocks := []time.Duration{0, 0, 0, by, by, by, 0, 0, 0} // and set right again
			for i, by := range clocks {
				r := report(setClock(t, begun.Add(time.Duration(i)*10*time.Second), by), int64(i))
				if i%3 != 0 || i == 0 {
					add(t, s, r)
				} else if err := s.AddReading(&r.Containers[0], r.Time, []string{Usage}, []int64{*r.Containers[0].UsageBytes}); err != nil {
					t.Fatal(err)
				}
			}
			d := s.Document(begun.Add(-time.Second), 0)
			fine := d.Containers[0].Tracks[1]
			if !fine.check() || !reflect.DeepEqual(fine.Series[Usage].Last, Values{1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008}) {
				t.Fatalf("times %v, %v", fine.Times, fine.Series[Usage].Last)
			}
			for i, at := range fine.Times {
				if want := begun.Add(time.Duration(i) * 10 * time.Second).UnixMilli(); at-want > 1 || want-at > 1 {
					t.Errorf("sample %d is at %d, want %d", i, at, want)
				}
			}
		})
	}
}

// TestClockOnDisk: what was written before the clock was set right is there after a
// restart too.
func TestClockOnDisk(t *testing.T) {
	o := Options{Retention: 24 * time.Hour, Dir: t.TempDir()}
	s := open(t, o)
	begun := time.Now().Add(-time.Hour)
	for i := range 10 {
		by := time.Duration(0)
		if i < 5 {
			by = 20 * time.Hour
		}
		add(t, s, report(setClock(t, begun.Add(time.Duration(i)*time.Minute), by), int64(i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	coarse := open(t, o).Document(time.Time{}, 0).Containers[0].Tracks[0]
	heap := coarse.Series[Row(rows.Heap)].Last
	// Two may have come into the same step.
	if n := len(heap); !coarse.check() || n < 9 || heap[0] != 0 || heap[n-1] != 9 {
		t.Errorf("times %v, %v", coarse.Times, heap)
	}
}

// TestClockOfRestart: without a monotonic clock, as over a restart, times still rise.
func TestClockOfRestart(t *testing.T) {
	s := open(t, Options{Retention: 24 * time.Hour})
	for i, at := range []int{0, 10, 20, -3600, -3590} {
		add(t, s, report(start.Add(time.Duration(at)*time.Second), int64(i)))
	}
	fine := s.Document(time.Time{}, 0).Containers[0].Tracks[1]
	if !fine.check() || !reflect.DeepEqual(fine.Series[Row(rows.Heap)].Last, Values{0, 1, 2, 3, 4}) {
		t.Errorf("times %v, %v", fine.Times, fine.Series[Row(rows.Heap)].Last)
	}
	if between := fine.Times[1] - fine.Times[0]; between != 10_000 {
		t.Errorf("%d ms between what was 10 s apart", between)
	}
}
