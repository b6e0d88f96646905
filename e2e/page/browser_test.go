package page

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "folder to keep screenshots in")

// browser is a Chromium with one page.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // console output and violations of the content security policy
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(t.TempDir()))
	for _, flag := range []string{"no-sandbox", "disable-gpu", "no-first-run", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which would end with a deadline of this call
		t.Fatal(err)
	}
	b.do(chromedp.Func(func(c context.Context, target *chromedp.Target) error {
		console := cdp.Events(ctx, target, runtime.ConsoleAPICalled)
		exceptions := cdp.Events(ctx, target, runtime.ExceptionThrown)
		entries := cdp.Events(ctx, target, log.EntryAdded)
		go func() {
			for e := range console {
				text := "console." + string(e.Type)
				for _, a := range e.Args {
					text += fmt.Sprintf(" %s%s", a.Value, a.Description)
				}
				b.complain(text)
			}
		}()
		go func() {
			for e := range exceptions {
				if e.ExceptionDetails != nil {
					b.complain(fmt.Sprintf("exception: %+v", *e.ExceptionDetails))
				}
			}
		}()
		go func() {
			for e := range entries {
				if e.Entry != nil {
					b.complain(fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
				}
			}
		}()
		_, err := cdp.Call(c, target, runtime.Enable, cdp.Empty{})
		if err == nil {
			_, err = cdp.Call(c, target, log.Enable, cdp.Empty{})
		}
		if err == nil {
			_, err = cdp.Call(c, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
				Source: `addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))`})
		}
		return err
	}))
	return b
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// quiet checks that there are no complaints.
func (b *browser) quiet(when string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.t.Errorf("%s, the console has: %s", when, strings.Join(b.complaints, "\n"))
	}
	b.complaints = nil
}

// patience limits one step.
const patience = 30 * time.Second

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// focus focuses an element. The page may replace it at any time, so it is found and focused at
// once.
func (b *browser) focus(selector string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`document.querySelector(%q).focus(), true`, selector))
}

// press focuses an element and presses a key.
func (b *browser) press(selector, key string) {
	b.t.Helper()
	b.focus(selector)
	b.do(chromedp.KeyEvent(key))
}

// eval evaluates JavaScript.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%v: %s", err, script)
	}
	return out
}

func (b *browser) await(what, script string) {
	b.t.Helper()
	for end := time.Now().Add(patience); !eval[bool](b, script); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within 30 s; the page has: %s", what, eval[string](b, `document.body.innerText.slice(0, 2000)`))
		}
	}
}

// open opens the page and waits for its data.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
	b.await("data", `document.getElementById('status').textContent !== 'Loading …'`)
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

// emulate sets the size of the window and the preferred color scheme.
func (b *browser) emulate(width, height int64, mobile bool, scheme string) {
	b.t.Helper()
	b.emulateOn("screen", width, height, mobile, scheme)
}

// emulateOn is emulate on "screen" or on paper ("print").
func (b *browser) emulateOn(media string, width, height int64, mobile bool, scheme string) {
	b.t.Helper()
	scale := map[bool]float64{true: 2, false: 1}[mobile]
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale, Mobile: mobile})
		if err == nil {
			_, err = cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		}
		return err
	}))
	time.Sleep(500 * time.Millisecond) // the chart is redrawn
}

// shoot saves a screenshot of the whole page.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	size := eval[[2]float64](b, `[document.documentElement.clientWidth ?? innerWidth, document.documentElement.scrollHeight]`)
	taken, err := chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (page.CaptureScreenshotResult, error) {
		return cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: new(true), Clip: &page.Viewport{Width: size[0], Height: size[1], Scale: 1}})
	})
	if err == nil {
		err = os.MkdirAll(*screenshots, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), taken.Data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
