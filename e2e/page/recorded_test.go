package page

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recording is a history of a real server that ends now, with the verdict of jvmem on it.
type recording struct {
	container map[string]any // without tracks
	times     []int64
	series    map[string][]*int64 // the last value of each step
	diagnosis map[string]any
	sizing    map[string]any
}

// renamed are series of earlier versions of jvmem.
var renamed = map[string]string{"firm": "unreclaimable", "epoch": "jvm_generation"}

// readRecording reads a history and moves it in time, so that it ends now.
func readRecording(t *testing.T, path string) *recording {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	decoder := json.NewDecoder(unzipped)
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		t.Fatal(err)
	}
	container := document["containers"].([]any)[0].(map[string]any)
	tracks := container["tracks"].([]any)
	moved := movedTo(time.Now().UnixMilli(), tracks)
	document["time"] = time.UnixMilli(moved[len(moved)-1]).UTC().Format(time.RFC3339Nano)
	r := &recording{container: container, times: moved, series: make(map[string][]*int64)}
	for name, column := range tracks[len(tracks)-1].(map[string]any)["series"].(map[string]any) {
		if now, ok := renamed[name]; ok {
			name = now
		}
		for _, value := range column.(map[string]any)["last"].([]any) {
			number, ok := value.(json.Number)
			n, err := strconv.ParseInt(string(number), 10, 64)
			if !ok || err != nil {
				r.series[name] = append(r.series[name], nil)
				continue
			}
			r.series[name] = append(r.series[name], &n)
		}
	}
	r.diagnosis, r.sizing = judged(t, document, "diagnose"), judged(t, document, "sizing")
	delete(container, "tracks")
	return r
}

// movedTo moves all tracks, and returns the times of the finest.
func movedTo(end int64, tracks []any) (moved []int64) {
	var by int64
	for k := len(tracks) - 1; k >= 0; k-- {
		times := tracks[k].(map[string]any)["time_unix_ms"].([]any)
		for i := len(times) - 1; i >= 0; i-- {
			at, _ := times[i].(json.Number).Int64()
			if by == 0 {
				by = end - at
			}
			times[i] = at + by
		}
		if k == len(tracks)-1 {
			for _, at := range times {
				moved = append(moved, at.(int64))
			}
		}
	}
	return moved
}

// judged is what a command of jvmem prints of a history.
func judged(t *testing.T, history map[string]any, command string) (report map[string]any) {
	t.Helper()
	text, err := json.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err = exec.CommandContext(t.Context(), *binary, command, "--file", path, "--format", "json").Output()
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.Fatalf("jvmem %s: %v: %s", command, err, text)
	}
	return report
}

// serve serves the page of a sidecar with the documents of a recording.
func (r *recording) serve(t *testing.T, s *testSidecar) string {
	t.Helper()
	origin, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(origin))
	respond := func(path string, answer func(q url.Values) any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer(q.URL.Query())) // the browser is gone
		})
	}
	respond("/diagnosis", func(url.Values) any { return r.diagnosis })
	respond("/sizing", func(url.Values) any { return r.sizing })
	respond("/breakdown", func(url.Values) any { return r.breakdown() })
	respond("/history", r.history)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// last is the last known value of a series.
func (r *recording) last(name string) *int64 {
	for i := len(r.series[name]) - 1; i >= 0; i-- {
		if v := r.series[name][i]; v != nil {
			return v
		}
	}
	return nil
}

func (r *recording) breakdown() any {
	c := map[string]any{"memory": []any{}, "sources": []any{}}
	for name, value := range r.container {
		c[name] = value
	}
	for _, name := range []string{"usage", "working_set", "reclaimable", "limit"} {
		c[name+"_bytes"] = r.last(name)
	}
	return map[string]any{"schema": "jvmem.breakdown/v1", "time": r.diagnosis["time"], "containers": []any{c}}
}

// history has the last value of each step, as GET /history.
func (r *recording) history(q url.Values) any {
	since, err := time.Parse(time.RFC3339, q.Get("since"))
	if ago, e := time.ParseDuration(q.Get("since")); e == nil {
		since, err = time.Now().Add(-ago), nil
	}
	step, e := time.ParseDuration(q.Get("step"))
	if err != nil || e != nil {
		return map[string]any{}
	}
	columns, times := make(map[string]map[string][]*int64), []int64{}
	for name := range r.series {
		columns[name] = make(map[string][]*int64)
	}
	for i, at := range r.times {
		if at < since.UnixMilli() {
			continue
		}
		n := len(times)
		again := n > 0 && times[n-1]/step.Milliseconds() == at/step.Milliseconds()
		if again {
			times[n-1] = at
		} else {
			times = append(times, at)
		}
		for name, values := range r.series {
			last := columns[name]["last"]
			if !again {
				last = append(last, nil)
			}
			if values[i] != nil {
				last[len(last)-1] = values[i]
			}
			columns[name]["last"] = last
		}
	}
	c := map[string]any{"tracks": []any{map[string]any{"time_unix_ms": times, "series": columns}}}
	for _, field := range []string{"id", "name", "cgroup"} {
		c[field] = r.container[field]
	}
	return map[string]any{"schema": "jvmem.history/v1", "time": time.Now(), "containers": []any{c}}
}

// recordings are histories of real servers, and what the page must show of them.
var recordings = []struct {
	file, label, class string
	curves             []string
	forecast           string // as it is said
	sizes              string // how they begin
}{
	{"netty-buffers", "Leak, limit within 1 h", "bad", []string{"direct buffers", "jvm internal", "old generation after collection", "loaded classes", "threads"}, "direct memory full in", "No recommendation while memory leaks."},
	{"tomcat-redeploy", "Leak", "warn", []string{"allocator retained", "loaded classes", "threads"}, "limit reached in", "No recommendation while memory leaks."},
	{"nu-validator", "Calm", "good", []string{"malloc", "old generation after collection", "threads"}, "", "Recommended limit: "},
}

// TestRecordings shows real servers: the verdict with its course, the forecast up to the
// limit, the curves, and a gap in them.
func TestRecordings(t *testing.T) {
	s := startSidecar(t)
	b := openBrowser(t)
	for _, want := range recordings {
		r := readRecording(t, "../../sidecar/diagnosis/testdata/servers/"+want.file+".json.gz")
		b.emulate(1280, 900, false, "light")
		b.open(r.serve(t, s) + "/?range=1h")
		b.await("the chart", `document.querySelector('#rows data') !== null && document.querySelector('#chart canvas') !== null`)
		if label := b.text("#verdict .label"); label != want.label {
			t.Errorf("%s: the verdict is %q, want %q", want.file, label, want.label)
		}
		course := eval[[]string](b, `[...document.querySelectorAll('.course li')].map((e) => e.innerText.replaceAll('\n', ' '))`)
		if want.class == "good" && len(course) > 0 || want.class != "good" && (len(course) != 4 || !strings.Contains(course[0], "Growth began") || !strings.Contains(course[2], "Confirmed")) {
			t.Errorf("%s: the course is %q", want.file, course)
		}
		checkForecast(t, b, want.file, want.forecast)
		if text := b.text("#sizes"); !strings.Contains(text, want.sizes) || !strings.Contains(text, "What is missing") {
			t.Errorf("%s: what to set: %s", want.file, text)
		}
		labels := eval[[]string](b, `[...document.querySelectorAll('#curves canvas')].map((e) => e.getAttribute('aria-label'))`)
		for _, curve := range want.curves {
			if !slices.ContainsFunc(labels, func(label string) bool { return strings.HasPrefix(label, curve+", from ") }) {
				t.Errorf("%s: no curve of %s in %q", want.file, curve, labels)
			}
		}
		if n := len(gapsOf(b)); n != 0 {
			t.Errorf("%s: the curves have %d gaps", want.file, n)
		}
		checkColors(t, b, want.file)
		b.shoot("recorded-" + want.file)
		b.emulate(360, 780, true, "dark")
		if width := eval[int](b, `document.documentElement.scrollWidth`); width > 360 {
			t.Errorf("%s: 360 px: the page is %d px wide", want.file, width)
		}
		b.shoot("recorded-" + want.file + "-phone-dark")
		r.forget(0.7, 0.9)
		b.emulate(1280, 900, false, "light")
		b.open(r.serve(t, s) + "/?range=1h")
		b.await("the curves", `document.querySelector('#curves canvas') !== null`)
		if n, curves := len(gapsOf(b)), len(labels); n != curves {
			t.Errorf("%s: %d of %d curves have a gap where there are no samples", want.file, n, curves)
		}
		b.quiet(want.file)
	}
}

// forget removes the samples of a part of the time.
func (r *recording) forget(from, to float64) {
	first, length := r.times[0], float64(r.times[len(r.times)-1]-r.times[0])
	for i := len(r.times) - 1; i >= 0; i-- {
		if at := float64(r.times[i]-first) / length; at < from || at > to {
			continue
		}
		r.times = slices.Delete(r.times, i, i+1)
		for name, values := range r.series {
			r.series[name] = slices.Delete(values, i, i+1)
		}
	}
}

// pixels is a function that reads a canvas.
const pixels = `((canvas, back) => {
	const c = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
	if (back) { c.fillStyle = back; c.fillRect(0, 0, canvas.width, canvas.height); }
	c.drawImage(canvas, 0, 0);
	return c.getImageData(0, 0, canvas.width, canvas.height).data;
})`

// gapsOf returns the curves in which a tenth of the width has no ink.
func gapsOf(b *browser) []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll('#curves canvas')].filter((e) => {
		const d = `+pixels+`(e);
		let empty = 0, most = 0;
		for (let x = 8; x < e.width - 8; x++) {
			let ink = false;
			for (let y = 0; y < e.height; y++) ink ||= d[4 * (y * e.width + x) + 3] > 0;
			empty = ink ? 0 : empty + 1;
			most = Math.max(most, empty);
		}
		return most > e.width / 10;
	}).map((e) => e.getAttribute('aria-label'))`)
}

// checkForecast checks that the band of the forecast begins where the samples end, and
// reaches the limit; or that there is none.
func checkForecast(t *testing.T, b *browser, name, want string) {
	t.Helper()
	band := eval[struct{ N, Top, Left, Limit, Width int }](b, `(() => {
		const canvas = document.querySelector('#chart canvas'), d = `+pixels+`(canvas, '#fff');
		const near = (i, color) => color.every((v, k) => Math.abs(d[i + k] - v) <= 3);
		const mood = getComputedStyle(document.documentElement).getPropertyValue('--mood').match(/\w\w/g).map((h) => parseInt(h, 16));
		const light = mood.map((v) => 0.25 * v + 0.75 * 255);
		const ink = getComputedStyle(document.documentElement).getPropertyValue('--limit').match(/\w\w/g).map((h) => parseInt(h, 16));
		let n = 0, top = 1e9, limit = -1, most = 0;
		const columns = new Array(canvas.width).fill(0); // the label of the limit is left of 200
		for (let y = 0; y < canvas.height; y++) {
			let line = 0;
			for (let x = 0; x < canvas.width; x++) {
				const i = 4 * (y * canvas.width + x);
				if (near(i, light)) { n++; top = Math.min(top, y); columns[x]++; }
				if (x > 70 && near(i, ink)) line++;
			}
			if (y < canvas.height / 4 && line > most) { most = line; limit = y; }
		}
		return { n, top, left: columns.findIndex((n, x) => x > 200 && n > 5), limit, width: canvas.width };
	})()`)
	text := eval[string](b, `document.getElementById('chart').getAttribute('aria-valuetext')`)
	if want == "" {
		if band.N > 50 || strings.Contains(text, "limit reached") || strings.Contains(text, " full in ") {
			t.Errorf("%s: a forecast is drawn, or said: %+v, %s", name, band, text)
		}
		return
	}
	if band.N < 100 || band.Top > band.Limit+6 || band.Left < band.Width/2 {
		t.Errorf("%s: the band of the forecast is %+v: it must reach the limit", name, band)
	}
	if !strings.Contains(text, want) {
		t.Errorf("%s: the text for screen readers has no forecast: %s", name, text)
	}
}

// checkColors checks that nothing is red beside green.
func checkColors(t *testing.T, b *browser, name string) {
	t.Helper()
	wrong := eval[[]string](b, `(() => {
		const probe = document.body.appendChild(document.createElement('i'));
		const rgb = (name) => { probe.style.color = 'var(' + name + ')'; return getComputedStyle(probe).color; };
		const bad = rgb('--bad'), good = rgb('--good');
		probe.remove();
		const has = (color) => [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.classList.contains('swatch') &&
			[null, '::before'].some((part) => { const s = getComputedStyle(e, part); return [s.color, s.borderTopColor, s.borderLeftColor, s.backgroundColor].includes(color); })).map((e) => e.tagName + '.' + e.className);
		return has(good).length ? has(bad) : [];
	})()`)
	if len(wrong) > 0 {
		t.Errorf("%s: red beside green: %q", name, wrong)
	}
	red := eval[int](b, `(() => {
		if (document.documentElement.dataset.mood !== 'good') return 0;
		return [...document.querySelectorAll('canvas')].filter((e) => e.width).reduce((n, e) => {
			const d = `+pixels+`(e);
			for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && d[i] > 170 && d[i + 1] < 50 && d[i + 2] < 50) n++;
			return n;
		}, 0);
	})()`)
	if red > 0 {
		t.Errorf("%s: %d red pixels beside a green verdict", name, red)
	}
}
