package dcmd

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestNativeHeapCaptures: the arenas add up to glibc's own totals.
func TestNativeHeapCaptures(t *testing.T) {
	for _, c := range captures(t, "native_heap_info.txt.gz", 6) {
		t.Run(c.dir, func(t *testing.T) {
			text := jvmtest.CaptureText(t, c.dir+"/native_heap_info.txt.gz")
			n, err := ParseNativeHeap(text)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Count(text, "<heap nr="); n.Arenas != want {
				t.Errorf("%d arenas of %d", n.Arenas, want)
			}
			totals := text[strings.LastIndex(text, "</heap>"):]
			if system := attributeOf(t, totals, `<system type="current" size="`); n.SystemBytes != system {
				t.Errorf("system %d, total %d", n.SystemBytes, system)
			}
			free := attributeOf(t, totals, `<total type="rest" count="`)
			if strings.Contains(totals, "fast") {
				free += attributeOf(t, totals, `<total type="fast" count="`)
			}
			if n.FreeBytes != free || free >= n.SystemBytes {
				t.Errorf("free %d, total %d", n.FreeBytes, free)
			}
			if n.Mmapped == nil || n.Mmapped.Count < 5 || n.Mmapped.Bytes != attributeOf(t, totals, `<total type="mmap" count="`) {
				t.Errorf("mmapped %+v", n.Mmapped)
			}

			cut, err := ParseNativeHeap(text[:strings.Index(text, `<heap nr="3">`)+60])
			if err != nil || cut.Arenas != 3 || cut.Mmapped != nil || cut.SystemBytes >= n.SystemBytes {
				t.Errorf("cut: %+v, %v", cut, err)
			}
		})
	}
}

// attributeOf reads the last number of the element that begins so.
func attributeOf(t *testing.T, text, start string) int64 {
	t.Helper()
	_, text, _ = strings.Cut(text, start)
	text, _, _ = strings.Cut(text, `"/>`)
	n, _, ok := number(text[strings.LastIndexByte(text, '"')+1:])
	if !ok {
		t.Fatalf("no number behind %s", start)
	}
	return n
}

func TestNativeHeapForms(t *testing.T) {
	const arena = `<malloc version="1"><heap nr="0"><total type="fast" count="1" size="1"/><total type="rest" count="1" size="2"/><system type="current" size="9"/></heap>`
	want := NativeHeap{Arenas: 1, SystemBytes: 9, FreeBytes: 3}
	for name, c := range map[string]struct {
		text string
		want NativeHeap
	}{
		"arena":             {arena, want},
		"behind a text":     {"24824:\n" + arena, want},
		"more free":         {strings.Replace(arena, `"2"`, `"20"`, 1), NativeHeap{Arenas: 1, SystemBytes: 9, FreeBytes: 9}},
		"negative":          {strings.Replace(arena, `"2"`, `"-2"`, 1), NativeHeap{Arenas: 1, SystemBytes: 9, FreeBytes: 1}},
		"no XML behind":     {arena + "<<", want},
		"arena not ended":   {arena + arena[20:80], want},
		"ended twice":       {arena + "</heap>", want},
		"only an arena cut": {arena[:80], NativeHeap{}},
		"empty":             {"", NativeHeap{}},
		"another C library": {"malloc_info(3) not available.\n", NativeHeap{}},
	} {
		if n, err := ParseNativeHeap(c.text); n != c.want || (err != nil) != (c.want.Arenas == 0) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

// FuzzParseNativeHeap: nothing is negative, no more is free than there is.
func FuzzParseNativeHeap(f *testing.F) {
	for _, c := range captures(f, "native_heap_info.txt.gz", 6) {
		text := jvmtest.CaptureText(f, c.dir+"/native_heap_info.txt.gz")
		f.Add(text[:1<<10] + text[len(text)-1<<10:])
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNativeHeap(text)
		if (err == nil) != (n.Arenas > 0) || n.FreeBytes < 0 || n.FreeBytes > n.SystemBytes {
			t.Fatalf("%+v, %v", n, err)
		}
		if n.Mmapped != nil && (n.Mmapped.Count < 0 || n.Mmapped.Bytes < 0) {
			t.Fatalf("%+v", n.Mmapped)
		}
	})
}
