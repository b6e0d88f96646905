package dcmd

import (
	"os"
	"reflect"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
)

// TestSplit puts the replies of each JVM behind each other, as one request brings
// them, and takes them apart again.
func TestSplit(t *testing.T) {
	for _, c := range captures(t, "heap_info.txt", 68) {
		text := func(path string) string {
			if _, err := os.Stat(path); err != nil {
				return "" // this JDK lacks the command
			}
			return jvmtest.CaptureText(t, path)
		}
		want := Sections{
			HeapInfo: text(c.dir + "/heap_info.txt"), CodeCache: text(c.dir + "/codecache.txt"), Metaspace: text(c.dir + "/metaspace_basic.txt"),
			NMT: text(c.sibling("nmt", "summary.txt")),
		}
		if want.NMT == "" {
			want.NMT = "Native memory tracking is not enabled\n"
		}
		got := Split(want.HeapInfo + want.CodeCache + want.Metaspace + want.NMT)
		alike(t, c, ParseHeapInfo, got.HeapInfo, want.HeapInfo)
		alike(t, c, ParseCodeCache, got.CodeCache, want.CodeCache)
		alike(t, c, ParseMetaspaceBasic, got.Metaspace, want.Metaspace)
		alike(t, c, nmt.Parse, got.NMT, want.NMT)
		if want.CodeCache == "" && got.CodeCache+got.Metaspace != "" {
			t.Errorf("%s: sections that were not requested: %+v", c.dir, got)
		}
		if half := Split(want.HeapInfo + want.CodeCache); half.NMT != "" || half.Metaspace != "" {
			t.Errorf("%s: two sections: %+v", c.dir, half)
		}
	}
}

// alike checks that both texts are understood in the same way.
func alike[T any](t *testing.T, c capture, parse func(string) (T, error), got, want string) {
	t.Helper()
	if want == "" {
		return
	}
	g, err := parse(got)
	w, wantErr := parse(want)
	if !reflect.DeepEqual(g, w) || (err == nil) != (wantErr == nil) {
		t.Errorf("%s: %+v, %v; want %+v, %v, from %q", c.dir, g, err, w, wantErr, got)
	}
}

// Nothing is lost, and no section is where another one belongs.
func FuzzSplit(f *testing.F) {
	f.Add("heap\nCodeHeap 'x'\nUsage:\nNative Memory Tracking:\n")
	f.Add("Native memory tracking is not enabled\nCodeCache: size")
	f.Fuzz(func(t *testing.T, text string) {
		s := Split(text)
		if s.HeapInfo+s.CodeCache+s.Metaspace+s.NMT != text {
			t.Errorf("%q became %+v", text, s)
		}
	})
}
