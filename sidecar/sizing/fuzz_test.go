package sizing

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/history"
)

// FuzzAll: any history that can be read has a report that can be written, without sizes that
// exceed the limit they are for.
func FuzzAll(f *testing.F) {
	for _, limit := range []string{"0", "-1", "9", "536870912", "9223372036854775807", "null"} {
		for _, scale := range []int{1, mib} {
			f.Add(synthetic(limit, scale))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := history.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for i := range d.Containers {
			for _, track := range d.Containers[i].Tracks {
				if len(track.Times) > 200 {
					return // replaying it takes long
				}
			}
		}
		present := All(d, 0)
		for _, r := range []*Report{present, present.For(1 << 29)} {
			if err := r.WriteJSON(io.Discard); err != nil {
				t.Error(err)
			}
			if err := r.WriteText(io.Discard); err != nil {
				t.Error(err)
			}
			for _, c := range r.Containers {
				if s := c.ForLimit; s != nil && s.Fits && s.NeededBytes > s.LimitBytes {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}

// synthetic is a history of 400 s, enough for sizes.
func synthetic(limit string, scale int) []byte {
	var times []string
	columns := make(map[string][]string)
	add := func(name string, value int) { columns[name] = append(columns[name], strconv.Itoa(value)) }
	for i := range 40 {
		times = append(times, strconv.Itoa(10_000*i))
		add("jvm_generation", 1)
		add("threads", 20)
		add("cpu_ms", 900*i)
		add("gc_ms", 20*i)
		add("old_collections", i/8)
		add("old_used", (10+i%8)*scale)
		add("used/heap", (20+i%5*9)*scale)
		add("committed/heap", 64*scale)
		add("row/heap", 60*scale)
		add("row/native", (20+i/4)*scale)
		add("unreclaimable", (85+i/4)*scale)
		columns["limit"] = append(columns["limit"], limit)
	}
	series := make([]string, 0, len(columns))
	for name, values := range columns {
		series = append(series, fmt.Sprintf(`%q: {"last": [%s]}`, name, strings.Join(values, ",")))
	}
	return fmt.Appendf(nil, `{"schema": "jvmem.history/v1", "containers": [{"jvms": [{"pid": 1, "gc": "G1", "flags": {"MaxHeapSize": %d}}], "tracks": [{"step_ms": 0, "time_unix_ms": [%s], "series": {%s}}]}]}`,
		96*scale, strings.Join(times, ","), strings.Join(series, ","))
}

func FuzzParseLimit(f *testing.F) {
	for _, text := range []string{"1", "512Mi", "1.5Gi", "1e3", "0x10", "i", "Mi", "1iM", "1TiB", "-1", "NaN", "Inf", "1e-9"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if bytes, err := ParseLimit(text); err == nil && (bytes < 0 || bytes > maxLimit) {
			t.Errorf("%q is %d", text, bytes)
		}
	})
}
