package page

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const mib = 1 << 20

// evil is a thread name that would be a script if the page did not escape it.
const evil = `"'<script>`

// load fills the rows of a JVM that the sidecar does not see yet, as on a busy machine this
// is growth that lasts. Then it grows direct buffers until that is the verdict.
func load(t *testing.T, s *testSidecar, j *jvmtest.JVM) {
	t.Helper()
	dir, shm := t.TempDir(), fmt.Sprintf("/dev/shm/jvmem-page-%d", j.PID)
	for _, command := range []string{
		"heap 72", "bigclasses 30", "jit 10", "threads 24 192 http-nio-8080", "threads 8 96 HikariPool-1", "threads 3 32 " + evil,
		"pagecache " + filepath.Join(dir, "cached") + " 112", "mapfile " + filepath.Join(dir, "mapped") + " 10", "shmfile " + shm + " 16",
	} {
		j.Do(command)
	}
	t.Cleanup(func() { os.Remove(shm) })
	s.proc.Show(int(jvmtest.Numbers(j.Do("child 14"))["child_pid"]), j.PID)
	grow(t, j)
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		d, err := s.Diagnosis()
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Containers) == 1 && d.Containers[0].Verdict == "direct_buffers" && *d.Containers[0].Confidence >= 0.8 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no verdict within %s: %+v", patience, d)
		}
	}
}

// grow grows direct buffers until the test ends, and collects: a collection could free them.
func grow(t *testing.T, j *jvmtest.JVM) {
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for tick, n := time.NewTicker(200*time.Millisecond), 1; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				j.Do("direct 1")
				if n%10 == 0 {
					j.Do("gc")
				}
			}
		}
	}()
}

// TestPage checks what the page shows, pointer and keyboard, and a restart of jvmem.
func TestPage(t *testing.T) {
	s := startSidecar(t)
	j := startHidden(t, 1024*mib)
	load(t, s, j)
	b := openBrowser(t)
	b.emulate(1280, 900, false, "light")
	b.open(s.URL + "/?range=15m")
	b.await("the picture", `document.querySelector('#chart canvas') !== null && document.getElementById('chart-empty').hidden`)

	t.Run("verdict", func(t *testing.T) {
		b.await("cause, forecast and advice", `['Direct buffer leak', 'Limit reached in', 'maxCachedBufferSize'].every((t) => document.getElementById('verdict').innerText.includes(t))`)
	})
	t.Run("picture", func(t *testing.T) { checkPicture(t, b, light) })
	t.Run("numbers", func(t *testing.T) { checkMoments(t, b, s) })
	t.Run("names are text", func(t *testing.T) {
		if text := b.text("#threads"); !strings.Contains(text, evil) {
			t.Errorf("the pool %s is missing: %s", evil, text)
		}
		if n := eval[int](b, `document.scripts.length`); n != 2 {
			t.Errorf("%d scripts: the page has 2", n)
		}
	})
	t.Run("ranges", func(t *testing.T) { checkRanges(t, b) })
	t.Run("evidence", func(t *testing.T) {
		if text := b.text("#verdict"); !strings.Contains(text, "native: direct_buffers: ") {
			t.Errorf("the evidence: %s", text)
		}
		b.await("what the JVM reported", `document.querySelector('#verdict summary') !== null`)
		b.press("#verdict summary", kb.Enter)
		time.Sleep(1500 * time.Millisecond) // new data must not close it
		if !eval[bool](b, `document.querySelector('#verdict details').open`) {
			t.Error("what the JVM reported was closed by new data")
		}
		b.shoot("evidence")
		b.press("#verdict summary", kb.Enter)
	})
	t.Run("no shift", func(t *testing.T) { checkShift(t, b) })
	b.quiet("after a visit")
	b.shoot("desktop-light")

	b.emulate(1280, 900, false, "dark")
	if light := eval[int](b, `Math.max(...getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number))`); light > 60 {
		t.Errorf("dark: the background is %d", light)
	}
	checkPicture(t, b, dark)
	b.shoot("desktop-dark")

	b.emulate(360, 780, true, "light")
	b.await("the chart is as wide as the phone", `document.querySelector('#chart canvas').getBoundingClientRect().width <= 340`)
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 360 {
		wide := eval[[]string](b, `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 361).map((e) => e.tagName + '#' + e.id + '.' + e.className)`)
		t.Errorf("360 px: the page is %d px wide: %v", width, wide)
	}
	checkPicture(t, b, light)
	b.shoot("phone")

	b.emulate(960, 500, false, "light")
	time.Sleep(time.Second)
	b.do(chromedp.Navigate(s.URL + "/chart.svg?since=5m"))
	if text := eval[string](b, `document.documentElement.textContent`); !strings.Contains(text, "irect buffer leak") || !strings.Contains(text, "limit 1.00 GiB") {
		t.Errorf("chart.svg lacks verdict or limit: %s", text)
	}
	b.shoot("chart-svg")
	b.quiet("at last")
	t.Run("restart", func(t *testing.T) { checkRestart(t, b, s) })
}

// Colors of rows and of the limit.
const (
	light = `{ heap: '#0072b2', metaspace: '#56b4e9', threads: '#e69f00', code_cache: '#009e73', native: '#d55e00', other_processes: '#9bd0f0', shmem: '#ebc6da', page_cache: '#e3e7eb', limit: '#b3261e' }`
	dark  = `{ heap: '#0072b2', metaspace: '#56b4e9', threads: '#e69f00', code_cache: '#009e73', native: '#d55e00', other_processes: '#1a4259', shmem: '#532c44', page_cache: '#353d47', limit: '#ff8a80' }`
)

// checkPicture counts the pixels of each color in the canvas.
func checkPicture(t *testing.T, b *browser, colors string) {
	t.Helper()
	counts := eval[map[string]int](b, `(() => {
		const canvas = document.querySelector('#chart canvas'), copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
		copy.drawImage(canvas, 0, 0);
		const d = copy.getImageData(0, 0, canvas.width, canvas.height).data, colors = `+colors+`;
		const counts = Object.fromEntries(Object.keys(colors).map((k) => [k, 0]));
		const of = Object.fromEntries(Object.entries(colors).map(([k, c]) => [parseInt(c.slice(1), 16), k]));
		for (let i = 0; i < d.length; i += 4) { const k = of[d[i] << 16 | d[i + 1] << 8 | d[i + 2]]; if (k) counts[k]++; }
		return counts;
	})()`)
	for row, n := range counts {
		if n < 300 && row != "limit" || n < 50 {
			t.Errorf("the picture has %d pixels of %s", n, row)
		}
	}
	if counts["heap"] < counts["metaspace"] || counts["page_cache"] < counts["code_cache"] {
		t.Errorf("areas are not proportional to the rows: %v", counts)
	}
}

// checkShift checks that new numbers do not move the content. A verdict that has another
// number of lines may move it, and so may what the user just did.
func checkShift(t *testing.T, b *browser) {
	b.await("no details are open", `document.querySelector('#verdict details[open]') === null`)
	eval[bool](b, `window.frames = 0, requestAnimationFrame(function next() { window.frames++; requestAnimationFrame(next); }), true`)
	b.await("this is painted", `window.frames > 3`)
	const parts = `document.querySelectorAll('#verdict p, #verdict li, #verdict dt').length`
	for range 10 {
		before := eval[int](b, `window.parts = new Set(), window.mutations?.disconnect(),
			(window.mutations = new MutationObserver(() => window.parts.add(`+parts+`))).observe(document.getElementById('verdict'), { childList: true, subtree: true }),
			window.shifts = [], window.observer?.disconnect(),
			(window.observer = new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((e) => !e.hadRecentInput)))).observe({ type: 'layout-shift' }),
			window.moments = new Set(), `+parts)
		b.await("new data, three times", `window.moments.add(document.getElementById('moment').textContent).size > 3`)
		if eval[int](b, fmt.Sprintf(`window.parts.add(%d).size`, before)) > 1 { // also if it changed back
			continue
		}
		if shift := eval[float64](b, `window.shifts.reduce((sum, e) => sum + e.value, 0)`); shift > 0.05 {
			t.Errorf("new data moves the content by %.3f: %v", shift, eval[[]string](b, `window.shifts.map((e) => e.value.toFixed(3) + ': ' +
				e.sources.map((s) => s.node?.nodeName + '#' + s.node?.id + '.' + s.node?.className + ' from ' + s.previousRect.y + ' to ' + s.currentRect.y).join(', '))`))
		}
		return
	}
	t.Errorf("the verdict changes all the time: %s", b.text("#verdict"))
}

// checkMoments selects moments by keys and by pointer and compares the table with /history.
func checkMoments(t *testing.T, b *browser, s *testSidecar) {
	var order []string
	for range 30 {
		b.do(chromedp.KeyEvent(kb.Tab))
		at := eval[string](b, `document.activeElement.id || document.activeElement.name || document.activeElement.tagName`)
		order = append(order, at)
		if at == "chart" {
			break
		}
	}
	if order[len(order)-1] != "chart" || !slices.Contains(order, "range") {
		t.Fatalf("Tab visits %v, want the ranges and then the chart", order)
	}
	if style := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); style != "solid" {
		t.Errorf("the focus is not visible: outline %s", style)
	}
	b.await("ten steps", `Number(document.getElementById('chart').getAttribute('aria-valuemax')) >= 9`)
	for range 3 {
		b.do(chromedp.KeyEvent(kb.ArrowLeft))
	}
	byKey := checkMoment(t, b, s)
	if text := eval[string](b, `document.getElementById('chart').getAttribute('aria-valuetext')`); !strings.Contains(text, "usage") || !strings.Contains(text, "heap") {
		t.Errorf("the text for screen readers is %q", text)
	}
	time.Sleep(1500 * time.Millisecond) // new samples must not move it
	if again := checkMoment(t, b, s); !again.Equal(byKey) {
		t.Errorf("the moment moved from %s to %s by itself", byKey, again)
	}
	b.do(chromedp.KeyEvent(kb.Escape))
	if text := b.text("#moment"); !strings.HasPrefix(text, "Latest") {
		t.Errorf("after Escape: %s", text)
	}
	at := eval[[2]float64](b, `(() => { const r = document.querySelector('#chart .u-over').getBoundingClientRect(); return [r.left + r.width * 0.1, r.top + r.height / 2]; })()`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	if byPointer := checkMoment(t, b, s); byPointer.Equal(byKey) {
		t.Errorf("pointer and keys selected the same moment")
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	b.await("now again", `document.getElementById('moment').textContent.startsWith('Latest')`)
}

// checkMoment compares the table with /history at the selected moment.
func checkMoment(t *testing.T, b *browser, s *testSidecar) time.Time {
	t.Helper()
	shown := eval[struct {
		Moment, Time string
		Rows         map[string]string
	}](b, `({ moment: document.getElementById('moment').textContent, time: document.querySelector('#moment time').dateTime,
		rows: Object.fromEntries([...document.querySelectorAll('#rows tr[data-row]')].map((r) => [r.dataset.row, r.querySelector('data')?.value ?? r.cells[1].textContent])) })`)
	if !strings.HasPrefix(shown.Moment, "At ") && !strings.HasPrefix(shown.Moment, "At,") {
		t.Fatalf("no moment is selected: %q", shown.Moment)
	}
	at, err := time.Parse(time.RFC3339, shown.Time)
	if err != nil {
		t.Fatal(err)
	}
	told := s.at(at)
	if len(shown.Rows) != 16 {
		t.Errorf("the table has %d rows", len(shown.Rows))
	}
	for row, text := range shown.Rows {
		name := "row/" + row
		if row == "usage" || row == "unreclaimable" || row == "limit" {
			name = row
		}
		want := "unknown"
		if bytes, ok := told[name]; ok {
			want = strconv.FormatInt(bytes, 10)
		}
		if text != want {
			t.Errorf("%s at %s: the table has %s, /history %s", row, shown.Time, text, want)
		}
	}
	return at
}

// checkRanges selects another range by key; the page queries, draws and remembers it.
func checkRanges(t *testing.T, b *browser) {
	steps := `Number(document.getElementById('chart').getAttribute('aria-valuemax'))`
	fine := eval[int](b, steps)
	b.press("input[name=range]:checked", kb.ArrowRight)
	b.await("fewer steps of an hour", fmt.Sprintf(`%s < %d && location.search.includes('range=1h')`, steps, fine))
	if href := eval[string](b, `document.getElementById('svg').href`); !strings.Contains(href, "since=1h&container=app") {
		t.Errorf("chart.svg is linked as %s", href)
	}
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	b.await("as many again", fmt.Sprintf(`%s >= %d`, steps, fine))
}

// checkRestart checks that the page shows stale data as such while jvmem is stopped, and
// continues afterwards.
func checkRestart(t *testing.T, b *browser, s *testSidecar) {
	b.emulate(1280, 900, false, "light")
	b.open(s.URL + "/?range=15m")
	s.Stop()
	b.await("the page is marked as stale", `!document.getElementById('stale').hidden && document.getElementById('stale').textContent.includes('has not answered')`)
	if text := b.text("#rows"); !strings.Contains(text, "MiB") {
		t.Errorf("the last values are missing: %s", text)
	}
	b.shoot("stale")
	s.Restart()
	b.await("it is current again", `document.getElementById('stale').hidden && document.getElementById('status').textContent.includes('sampled')`)
}

// TestMoreAndMore starts the sidecar before its JVM: the page fills by itself, offers a choice
// with a second container, and shows values that cannot be read as unknown.
func TestMoreAndMore(t *testing.T) {
	s := startSidecar(t)
	b := openBrowser(t)
	b.emulate(1280, 900, false, "light")
	b.open(s.URL)
	if text := b.text("#verdict"); !strings.Contains(text, "No JVM yet") || !strings.Contains(text, "shareProcessNamespace") {
		t.Errorf("without a JVM: %s", text)
	}
	if text := b.text("main"); strings.Contains(text, "KiB") || strings.Contains(text, "MiB") {
		t.Errorf("sizes without a JVM: %s", text)
	}
	b.shoot("no-jvm")
	startJVM(t, s, 256*mib)
	b.await("the JVM is seen", `document.getElementById('title').textContent.includes('app') && document.querySelector('#rows data') !== null`)
	if !eval[bool](b, `document.getElementById('chooser').hidden && document.getElementById('sources').hidden`) {
		t.Error("the page offers a choice of one container, or lists missing sources of a JVM without any")
	}
	startJVM(t, s, 300*mib, "-XX:+DisableAttachMechanism", "-XX:NativeMemoryTracking=off")
	b.await("a choice", `!document.getElementById('chooser').hidden`)
	b.focus("#container")
	for _, key := range []string{kb.ArrowDown, kb.ArrowUp} { // ordered by the names of the cgroups
		b.do(chromedp.KeyEvent(key))
		time.Sleep(200 * time.Millisecond)
		if eval[bool](b, `document.querySelector('tr[data-row=limit] data')?.value === '314572800'`) {
			break
		}
	}
	b.await("the other one is shown", `document.querySelector('tr[data-row=limit] data')?.value === '314572800'`)
	if text := b.text("tr[data-row=gc]"); !strings.Contains(text, "unknown") {
		t.Errorf("an unknown row is shown as %q", text)
	}
	if text := b.text("#sources"); !strings.Contains(text, "Fix:") {
		t.Errorf("a missing source has no fix: %s", text)
	}
	b.shoot("unknown-rows")
	b.quiet("from the start")
}

// TestKill checks that an open page shows an OOM kill, and then the next JVM.
func TestKill(t *testing.T) {
	s := startSidecar(t)
	j := startJVM(t, s, 256*mib)
	b := openBrowser(t)
	b.emulate(1280, 900, false, "light")
	b.open(s.URL + "/?range=15m")
	for range 60 {
		j.Do("direct 2")
		time.Sleep(50 * time.Millisecond)
	}
	j.Send("direct 300")
	<-j.Exited()
	b.await("the end is shown", `document.querySelector('#ends .end') !== null`)
	if text := b.text("#ends"); !strings.Contains(text, "OOM kill") || !strings.Contains(text, "The JVM was OOM killed") || !strings.Contains(text, "irect buffer") {
		t.Errorf("the end: %s", text)
	}
	b.await("the minutes before it are drawn", `document.querySelector('#ends canvas') !== null`)
	if text := b.text("#verdict"); !strings.Contains(text, "OOM kill") || !strings.Contains(text, "The JVM was OOM killed") || !strings.Contains(text, "What to do\n") {
		t.Errorf("the verdict: %s", text)
	}
	eval[bool](b, `import('/page/parts.js').then((m) => { window.shown = m.endOf({ kind: 'signal', could_be_oom_kill: true }); }), true`)
	b.await("the module", `window.shown !== undefined`)
	if shown := eval[[]string](b, `window.shown`); !slices.Equal(shown, []string{"warn", "Signal, could be an OOM kill"}) {
		t.Errorf("an end that could be a kill is shown as %q", shown)
	}
	b.await("settled", `document.querySelector('#ends canvas').width > 100`)
	b.shoot("oom-kill")
	startJVM(t, s, 256*mib)
	b.await("the next JVM is seen", `!document.getElementById('title').textContent.includes('(ended)') && document.querySelector('#verdict').innerText.includes('Watching')`)
	b.quiet("over a kill")
}
