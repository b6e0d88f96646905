package diagnosis

import "testing"

// TestEnough: the first window needs fewer points where they are dense, and goes on to be judged.
func TestEnough(t *testing.T) {
	for _, tt := range []struct {
		seconds         int64
		samples, points int
		first           bool
		want            bool
	}{
		{60, 60, 60, false, true},
		{60, 59, 59, true, false}, // one each second
		{350, 17, 35, true, false},
		{360, 18, 36, true, true}, // the defaults
		{360, 18, 36, false, false},
		{590, 29, 59, true, true},
		{600, 30, 60, true, true},
		{36 * 300, 36, 36, true, false}, // one each 5 minutes
	} {
		if got := (window{0, 1000 * tt.seconds}).enough(tt.first, tt.samples, tt.points); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
