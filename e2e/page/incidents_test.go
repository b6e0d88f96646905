package page

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// verdicts are diagnoses as /diagnosis has them, with the class and the words that the
// verdict must have, and words that it must not have.
var verdicts = []struct {
	name, diagnosis, class string
	words, not             []string
}{
	{"calm", `{verdict: 'none', summary: 'no sustained growth', incidents: []}`, "good", []string{"Calm"}, []string{"Not judged"}},
	{"paused", `{verdict: 'threads', subject: 'pool-#-thread-#', summary: 'thread leak (pool-#-thread-#), +1686 since 2026-11-28 01:10 UTC, no growth since 2026-11-28 01:50 UTC',
		confidence: 0.9, findings: [{verdict: 'threads', subject: 'pool-#-thread-#', evidence: ['threads: 22 → 1708'], next: ['find the code that starts the threads: jcmd 1 Thread.print']}],
		incidents: [
			{verdict: 'threads', subject: 'pool-#-thread-#', state: 'paused', since: ago(80), opened: ago(65), confirmed: ago(63), last_growth: ago(12), measure: 'pool/pool-#-thread-#', gained: 1686},
			{verdict: 'class_loader', state: 'suspected', since: ago(30), opened: ago(20), last_growth: ago(2), measure: 'classes', gained: 2400, waiting: 'a collection that unloads classes'},
			{verdict: 'native_untracked', state: 'closed', since: ago(200), opened: ago(190), confirmed: ago(180), last_growth: ago(150), closed: ago(100), measure: 'detail/native/untracked', gained: 50331648}]}`,
		"warn", []string{"Leak, paused", "Growth began", "Suspected", "Confirmed", "Paused, last growth", "12 min ago", "1686 threads", "Other incidents", "waiting for a collection that unloads classes", "Closed incidents (1)", "threads: 22 → 1708"}, []string{"Calm", "UTC"}},
	{"line", `{verdict: 'threads', subject: 'order-#', summary: 'thread leak (order-#), started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay; +118 threads since 2026-11-28 01:10 UTC, +25.8 MiB per minute',
		confidence: 0.9, growth: {bytes_per_hour: 1e9, low_bytes_per_hour: 9e8, high_bytes_per_hour: 11e8}, findings: [{verdict: 'threads', subject: 'order-#', evidence: ['threads: 22 → 140'], next: ['end the threads'], gathered: {time: ago(1),
			line: 'started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay',
			text: ['started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay (98 %): order-#', '  at com.acme.OrderSync.connect(OrderSync.java:42)']}}],
		incidents: [{verdict: 'threads', subject: 'order-#', state: 'confirmed', since: ago(8), opened: ago(6), confirmed: ago(5), last_growth: ago(0), measure: 'pool/order-#', gained: 118}]}`,
		"warn", []string{"Leak", "Thread leak (order-#), started by com.acme.OrderSync.connect(OrderSync.java:42), 118 of 120 threads that stay;", "Collected from the JVM"}, []string{"Calm"}},
	{"owner", `{verdict: 'native_untracked', summary: 'libz (java.util.zip.Deflater) leaks native memory, +30.0 MiB since 2026-11-28 01:10 UTC; 800 blocks of 65,552 bytes, 97 % of the growth, which point into libz.so.1.2.13, referred to by Deflater$DeflaterZStreamRef',
		confidence: 0.9, growth: {bytes_per_hour: 1e8, low_bytes_per_hour: 9e7, high_bytes_per_hour: 11e7}, findings: [{verdict: 'native_untracked', evidence: ['native: untracked: 2 MiB → 32 MiB'], next: ['end the Deflaters'], gathered: {time: ago(1), text: ['libz (java.util.zip.Deflater): 800 blocks'], owners: [{pid: 7, owners: []}]}}],
		incidents: [{verdict: 'native_untracked', state: 'confirmed', since: ago(80), opened: ago(65), confirmed: ago(63), last_growth: ago(0), measure: 'detail/native/untracked', gained: 31457280}]}`,
		"warn", []string{"Leak", "libz (java.util.zip.Deflater) leaks native memory", "referred to by Deflater$DeflaterZStreamRef", "30.0 MiB"}, []string{"Calm"}},
	{"growth", `{verdict: 'none', summary: 'memory grows, no cause identified yet; unreclaimable memory grows: +100.0 MiB per hour', growth: {bytes_per_hour: 1e8, low_bytes_per_hour: 9e7, high_bytes_per_hour: 11e7}, incidents: []}`,
		"warn", []string{"Memory grows"}, []string{"Calm"}},
	{"forecast", `{verdict: 'none', summary: 'memory grows, no cause identified yet; OOM kill expected in 23 min', forecast: {reached: 'container_limit', seconds: 1380, low_seconds: 1200, high_seconds: 1700}, incidents: []}`,
		"bad", []string{"Limit ahead, no cause named", "23 min"}, []string{"Calm"}},
	{"cache", `{verdict: 'page_cache', summary: 'usage is near the limit because of page cache, which is harmless', growth: {bytes_per_hour: 1e8, low_bytes_per_hour: 9e7, high_bytes_per_hour: 11e7}, incidents: []}`,
		"warn", []string{"Memory grows"}, []string{"Harmless"}},
	{"suspected", `{verdict: 'none', summary: 'no sustained growth; suspected, not confirmed: Java heap leak, waiting for a collection of the old generation', incidents: [
			{verdict: 'heap', state: 'suspected', since: ago(30), opened: ago(20), last_growth: ago(2), measure: 'old_used', gained: 83886080, waiting: 'a collection of the old generation', next: ['run ` + "`jcmd 7 GC.run`" + `']}]}`,
		"wait", []string{"What to do", "jcmd 7 GC.run", "Leak suspected, not collected yet", "Growth began", "80.0 MiB", "Not judged", "waiting for a collection of the old generation"}, []string{"Calm", "Confirmed\n"}},
	{"suspected-early", `{verdict: 'none', summary: 'suspected, not confirmed: thread leak', incidents: [
			{verdict: 'threads', state: 'suspected', since: ago(30), opened: ago(20), last_growth: ago(2), measure: 'threads', gained: 80,
			if_leak: {reached: 'container_limit', seconds: 1380, low_seconds: 1200, high_seconds: 1700}}]}`,
		"wait", []string{"Leak suspected, not confirmed", "80 threads", "If it leaks: limit reached in", "23 min"}, []string{"Calm", "Not judged"}},
	{"early", `{verdict: 'not_enough_history', summary: 'not enough history: 12 of 60 samples since the JVM started', incidents: []}`, "wait", []string{"Watching", "Not judged"}, []string{"Calm"}},
	{"thrash", `{verdict: 'limit_thrash', summary: 'the container thrashes at its memory limit: each second 460.9 MiB were read again', incidents: []}`, "bad", []string{"Thrashing at the limit"}, []string{"Calm"}},
	{"unreadable", `{verdict: 'not_observable', summary: 'memory cannot be read: jvmem runs as UID 65532; set runAsUser: 0', incidents: []}`, "warn", []string{"Not observable", "runAsUser: 0"}, []string{"Calm", "No leak found"}},
	{"heap-full", `{verdict: 'heap_full', summary: 'the Java heap is full: 197.5 MiB of 200.0 MiB after the last collection', incidents: []}`, "bad", []string{"Heap full"}, []string{"Calm"}},
	{"unjudged", `{verdict: 'none', summary: 'not judged: Java heap (old generation unknown); no sustained growth', not_judged: ['Java heap (old generation unknown)'], incidents: []}`,
		"wait", []string{"No leak found, not everything was judged", "Java heap (old generation unknown).\n\nNo sustained growth"}, []string{"Calm"}},
	{"unknown-state", `{verdict: 'swap_storm', summary: 'the container swaps: 120 MiB per second', incidents: [],
		findings: [{verdict: 'swap_storm', evidence: ['swap: 1.0 GiB'], next: ['raise the limit, then run ` + "`jcmd 7 VM.info`" + `']}]}`,
		"warn", []string{"Swap storm", "The container swaps", "swap: 1.0 GiB", "What to do", "then run jcmd 7 VM.info"}, []string{"Calm", "`"}},
	{"two-states", `{verdict: 'limit_thrash', summary: 'the container thrashes at its memory limit: usage 99.5 %', not_judged: ['class loaders (number of classes unknown)'], incidents: [],
		forecast: null, findings: [
			{verdict: 'limit_thrash', evidence: ['all processes wait for memory in 31 % of the time'], next: ['raise the limit']},
			{verdict: 'idle_threads', subject: 'pool-#', evidence: ['400 threads of pool-# use no CPU time'], next: ['limit the pool']}]}`,
		"bad", []string{"Thrashing at the limit", "31 % of the time", "raise the limit", "Not judged", "number of classes unknown", "More findings (1)"}, []string{"Calm"}},
}

// changeDocuments lets window.change alter the documents that the page fetches.
func (b *browser) changeDocuments() {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
			const real = window.fetch;
			window.fetch = async (path, options) => {
				const response = await real(path, options);
				if (!response.ok || !/^(diagnosis|breakdown)/.test(path)) return response;
				const document = await response.json();
				window.change?.(document, path);
				return new Response(JSON.stringify(document));
			};
		}`})
		return err
	}))
}

// TestVerdicts: each verdict has its words and colour: nothing is calm that grows or was
// not judged. The documents are those of a sidecar, with another diagnosis.
func TestVerdicts(t *testing.T) {
	s := startSidecar(t)
	startJVM(t, s, 256*mib)
	b := openBrowser(t)
	b.changeDocuments()
	b.emulate(1280, 900, false, "light")
	b.open(s.URL + "/?range=15m")
	b.await("the JVM is seen", `document.querySelector('#rows data') !== null`)
	show := func(name, diagnosis, missing string) {
		b.t.Helper()
		eval[bool](b, fmt.Sprintf(`window.change = (document, path) => {
			const ago = (minutes) => new Date(Date.now() - 60e3 * minutes).toISOString();
			for (const c of document.containers ?? []) {
				if (path.startsWith('breakdown')) { c.sources = %s; continue; }
				Object.assign(c, { subject: '', findings: [], growth: null, forecast: null, confidence: null }, %s, { shown: %q });
				c.summary += ' [%s]';
			}
		}, true`, missing, diagnosis, name, name))
		b.await(name, fmt.Sprintf(`document.getElementById('verdict').innerText.includes('[%s]')`, name))
	}
	check := func(name, class string, words, not []string) {
		b.t.Helper()
		text := b.text("#verdict")
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s: no %q in %s", name, word, text)
			}
		}
		for _, word := range not {
			if strings.Contains(text, word) {
				t.Errorf("%s: %q in %s", name, word, text)
			}
		}
		if !eval[bool](b, fmt.Sprintf(`document.getElementById('verdict').classList.contains(%q)`, class)) {
			t.Errorf("%s is shown as %s", name, eval[string](b, `document.getElementById('verdict').className`))
		}
	}
	for _, v := range verdicts {
		show(v.name, v.diagnosis, `[]`)
		check(v.name, v.class, v.words, v.not)
		checkColors(t, b, v.name)
		b.shoot("verdict-" + v.name)
	}
	show("blind", verdicts[0].diagnosis, `[{name: 'hsperfdata', ok: false, reason: 'no file below /tmp/hsperfdata_*', fix: 'give the UID an entry in /etc/passwd'}]`)
	check("blind", "wait", []string{"No leak found, not everything was judged", "Not judged", "no file below /tmp"}, []string{"Calm"})
	b.shoot("verdict-blind")

	show("paused", verdicts[1].diagnosis, `[{name: 'hsperfdata', ok: false, reason: 'no file below /tmp/hsperfdata_*', fix: 'give the UID an entry in /etc/passwd'}]`)
	b.emulate(1280, 900, false, "dark")
	b.shoot("verdict-paused-dark")
	b.emulate(360, 780, true, "light")
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 360 {
		t.Errorf("360 px: the page is %d px wide", width)
	}
	b.shoot("verdict-paused-phone")
	b.quiet("after all verdicts")
}

// TestOwners: the owners of native memory are shown with the age of the look, and that there was
// none is said.
func TestOwners(t *testing.T) {
	s := startSidecar(t)
	startJVM(t, s, 256*mib)
	b := openBrowser(t)
	b.changeDocuments()
	b.emulate(1280, 900, false, "light")
	b.open(s.URL + "/?range=15m")
	b.await("the JVM is seen", `document.querySelector('#rows data') !== null`)
	for _, show := range []struct {
		name, owners, detail string
		words                []string
	}{
		{"looked at", `{time: ago(12), divided: 'untracked'}`, `[{name: 'libz (java.util.zip.Deflater)', library: 'libz.so', bytes: 33554432}, {name: 'other', bytes: 8388608}]`,
			[]string{"40.0 MiB untracked now", "12 min ago", "libz (java.util.zip.Deflater)", "32.0 MiB", "80.0 %", "other"}},
		{"out of date", `{time: ago(12), divided: 'untracked', reason: 'the look is out of date'}`, `undefined`, []string{"12 min ago", "The look is out of date."}},
		{"not looked at", `undefined`, `undefined`, []string{"Its owners were not looked at yet"}},
	} {
		eval[bool](b, fmt.Sprintf(`window.change = (document, path) => {
			const ago = (minutes) => new Date(Date.now() - 60e3 * minutes).toISOString();
			for (const c of path.startsWith('breakdown') ? document.containers : []) {
				c.owners = %s;
				c.memory.find((row) => row.name === 'native').detail = [{name: 'untracked', bytes: 41943040, detail: %s}];
			}
		}, true`, show.owners, show.detail))
		for _, word := range show.words {
			b.await(show.name+": "+word, fmt.Sprintf(`document.getElementById('owners').innerText.includes(%q)`, word))
		}
		checkColors(t, b, "owners "+show.name)
		b.shoot("owners-" + strings.ReplaceAll(show.name, " ", "-"))
	}
	b.emulate(360, 780, true, "light")
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 360 {
		t.Errorf("360 px: the page is %d px wide", width)
	}
	b.quiet("after the owners")
}
