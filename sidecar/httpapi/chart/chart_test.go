package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/history"
)

var update = flag.Bool("update", false, "write testdata anew")

// example is an hour in which native memory grows. The first steps are coarse, samples are
// missing for some minutes, and gc is unknown.
func example() Picture {
	to := time.Date(2026, 11, 26, 1, 20, 0, 0, time.UTC)
	track := &history.Track{StepMillis: 60_000, Series: make(map[string]*history.Column)}
	add := func(name string, mib int64) {
		c := track.Series[name]
		if c == nil {
			c = &history.Column{}
			track.Series[name] = c
		}
		c.Last = append(c.Last, mib<<20)
	}
	for minute := int64(0); minute <= 60; minute++ {
		if minute > 20 && minute < 28 || minute < 20 && minute%2 != 0 {
			continue
		}
		track.Times = append(track.Times, to.Add(time.Duration(minute-60)*time.Minute).UnixMilli())
		sum := int64(0)
		for row, mib := range map[string]int64{
			"heap": 90 + minute%7*4, "metaspace": 30, "threads": 12, "code_cache": 20, "native": 40 + 2*minute,
			"libraries": 3, "other_processes": 14, "shmem": 8, "kernel": 6, "unattributed": 1, "mapped_files": 10, "page_cache": 50,
		} {
			add("row/"+row, mib)
			sum += mib
		}
		add(history.Usage, sum)
		add(history.Unreclaimable, sum-50)
		add(history.Limit, 512)
		add(history.JVMGeneration, 1)
	}
	return Picture{
		Title: "Memory of container app, limit 512.0 MiB", Verdict: "direct buffer leak (direct ByteBuffers or Unsafe memory), +120.0 MiB per hour, 98 % of the growth; OOM kill expected in 54 min (50 min to 59 min)",
		Track: track, From: to.Add(-time.Hour), To: to,
		Forecast: &Forecast{At: to.Add(54 * time.Minute), Low: to.Add(50 * time.Minute), High: to.Add(59 * time.Minute), Text: "in 50 min to 59 min"},
	}
}

func draw(t *testing.T, p Picture) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	const golden = "testdata/chart.svg"
	got := draw(t, example())
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("another picture than %s (look at it, and write it with -update), %v", golden, err)
	}
	// What the picture must contain, however it is drawn.
	for _, text := range []string{"Memory of container app", "OOM kill expected in", "limit 512.0 MiB", ">unknown<", ">160.0 MiB<", ">00:30<", "limit in 50 min to 59 min, not to scale", "512 MiB"} {
		if !strings.Contains(got, text) {
			t.Errorf("the picture lacks %s", text)
		}
	}
	d := &drawing{Picture: example()}
	if runs := d.runs(); !slices.Equal(runs, [][2]int{{0, 10}, {11, 43}}) {
		t.Errorf("drawn in one piece each: %v; want the coarse steps, and those after the gap", runs)
	}
}

// TestBetweenSamples: where only usage is known the rows are those of the last sample,
// and the picture has no hole.
func TestBetweenSamples(t *testing.T) {
	p := example()
	whole := (&drawing{Picture: example()}).runs()
	native := slices.Clone(p.Track.Series["row/native"].Last)
	for name, c := range p.Track.Series {
		for i := range c.Last {
			if i%5 != 0 && name != history.Usage && name != history.Limit {
				c.Last[i] = history.Unknown
			}
		}
	}
	d := &drawing{Picture: p}
	if runs := d.runs(); !slices.Equal(runs, whole) {
		t.Errorf("drawn in one piece each: %v, want %v", runs, whole)
	}
	for i := range p.Track.Times {
		if n, ok := d.row("native", i); !ok || int64(n) != native[i/5*5] {
			t.Errorf("step %d: native %v (%v), want %d", i, n, ok, native[i/5*5])
		}
	}
	last := (len(native) - 1) / 5 * 5
	if svg, want := draw(t, p), fmt.Sprintf(">%.1f MiB<", float64(native[last])/(1<<20)); !strings.Contains(svg, want) {
		t.Errorf("the legend lacks %s, what the last sample says of native", want)
	}
}

// TestAnyInput: names are text, and a history that is short, empty or strange is
// still drawn.
func TestAnyInput(t *testing.T) {
	hostile := example()
	hostile.Title, hostile.Verdict = `</text><script>alert(1)</script>`, `"'&<b onload="x">`+strings.Repeat(" word", 300)
	one := example()
	one.Track.Times = one.Track.Times[:1]
	unknown := example()
	unknown.Track.Series = nil
	same := example()
	same.From = same.To
	for name, p := range map[string]Picture{
		"hostile": hostile, "nothing": {}, "no steps": {Track: &history.Track{}}, "one step": one, "all unknown": unknown, "no time": same,
		"past forecast": {Track: example().Track, From: same.From, To: same.To, Forecast: &Forecast{}},
		"years":         {From: time.Unix(0, 0), To: time.Unix(4e9, 0), Track: example().Track},
	} {
		svg := draw(t, p)
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: not a number", name)
		}
		decoder := xml.NewDecoder(strings.NewReader(svg))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok && !strings.Contains(" svg title desc defs pattern rect path circle text ", " "+e.Name.Local+" ") {
				t.Errorf("%s: element %s", name, e.Name.Local)
			}
		}
	}
}

// TestForecast: the band goes from the last value to the limit, within the plot; a long
// one is compressed.
func TestForecast(t *testing.T) {
	for _, test := range []struct {
		name      string
		low, high time.Duration
		full      string
		text      string
		path      string // of the band
	}{
		{"near", 4 * time.Minute, 5 * time.Minute, "", ">limit in soon<", "M644.9 213.5L682.8 123.5H692.3Z"},
		{"far", 90 * time.Minute, 10 * time.Hour, "", ">limit in soon, not to scale<", "M502.7 213.5L531.8 123.5H696.6Z"},
		{"heap", 10 * time.Minute, 20 * time.Minute, "heap full", ">heap full in soon<", "M622.3 448V104H700.4V448Z"},
	} {
		p := example()
		p.Forecast = &Forecast{Full: test.full, At: p.To.Add((test.low + test.high) / 2), Low: p.To.Add(test.low), High: p.To.Add(test.high), Text: "in soon"}
		svg := draw(t, p)
		if !strings.Contains(svg, test.text) || !strings.Contains(svg, `<path d="`+test.path+`" fill="`+limitInk+`" fill-opacity="0.25"/>`) {
			t.Errorf("%s: the picture lacks %s, or its band: %s", test.name, test.text, regexp.MustCompile(`.*fill-opacity.*`).FindString(svg))
		}
	}
	p := example()
	p.Forecast = nil
	if strings.Contains(draw(t, p), "fill-opacity") {
		t.Error("without a forecast a band is drawn")
	}
}
