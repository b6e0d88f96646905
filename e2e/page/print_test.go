package page

import (
	"fmt"
	"testing"
)

// TestPrint: on paper the page is the same whatever the color scheme of the screen, as wide
// as the paper, and without what only a screen has.
func TestPrint(t *testing.T) {
	s := startSidecar(t)
	b := openBrowser(t)
	r := readRecording(t, "../../sidecar/diagnosis/testdata/servers/netty-buffers.json.gz")
	b.emulate(1280, 900, false, "light")
	b.open(r.serve(t, s) + "/?range=1h")
	b.await("the chart", `document.querySelector('#rows data') !== null && document.querySelector('#chart canvas') !== null`)
	const width = 718 // A4 without margins
	printed := make(map[string]string)
	for _, scheme := range []string{"light", "dark"} {
		b.emulate(1280, 900, false, scheme)
		b.emulateOn("print", width, 900, false, scheme)
		printed[scheme] = eval[string](b, `JSON.stringify([getComputedStyle(document.body).color, ...[...document.querySelectorAll('#chart canvas, #curves canvas, .swatch')].map((e) => e.toDataURL())])`)
		b.shoot("print-" + scheme)
		if wide := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > %d + 1).map((e) => e.tagName + '.' + e.className)`, width)); len(wide) > 0 {
			t.Errorf("%s: wider than the paper: %q", scheme, wide)
		}
		if shown := eval[[]string](b, `[...document.querySelectorAll('button, input, select, summary, .foot')].filter((e) => e.checkVisibility()).map((e) => e.id || e.innerText)`); len(shown) > 0 {
			t.Errorf("%s: on paper there are %q", scheme, shown)
		}
	}
	if printed["light"] != printed["dark"] {
		t.Errorf("another picture from a dark screen: %.60s, %.60s", printed["light"], printed["dark"])
	}
	b.quiet("on paper")
}
