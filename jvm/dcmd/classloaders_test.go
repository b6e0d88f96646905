package dcmd

import (
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestClassLoadersCaptures: the types add up to what the JVM adds up itself.
func TestClassLoadersCaptures(t *testing.T) {
	for _, c := range captures(t, "classloader_stats.txt.gz", 8) {
		t.Run(c.dir, func(t *testing.T) {
			text := jvmtest.CaptureText(t, c.dir+"/classloader_stats.txt.gz")
			stats, err := ParseClassLoaderStats(text)
			if err != nil {
				t.Fatal(err)
			}
			var sum LoaderType
			for _, l := range stats.Types {
				sum.add(l)
			}
			if stats.Total == nil || *stats.Total != sum || sum.HiddenClasses == 0 {
				t.Errorf("sum %+v, total %+v", sum, stats.Total)
			}
			// The program that was captured has 30 of these, each with one class.
			i := slices.IndexFunc(stats.Types, func(l LoaderType) bool { return l.Name == "NmtApp$CopyLoader" })
			if copies := stats.Types[i]; copies.Loaders != 30 || copies.Classes != 30 || copies.HiddenClasses != 0 ||
				copies.ChunkBytes < 30*5<<10 || copies.ChunkBytes > 30*6<<10 || copies.BlockBytes < 30*1400 || copies.BlockBytes > 30*1700 {
				t.Errorf("%+v", copies)
			}
			if stats.Types[0].Name != "<boot class loader>" || stats.Types[0].Loaders != 1 {
				t.Errorf("%+v", stats.Types[0])
			}

			cut, err := ParseClassLoaderStats(text[:len(text)/2])
			if err != nil || cut.Total != nil || len(cut.Types) == 0 {
				t.Errorf("cut: %+v, %v", cut, err)
			}
		})
	}
}

func TestClassLoadersForms(t *testing.T) {
	const (
		loader = "0x01  0x02  0x03       8     53248     36552  a.Loader\n"
		hidden = "                        2     1024      512   + hidden classes\n"
		total  = "Total = 1                     10     54272     37064  \n"
	)
	a := LoaderType{Name: "a.Loader", Loaders: 1, Classes: 8, ChunkBytes: 53248, BlockBytes: 36552}
	all := LoaderType{Name: "a.Loader", Loaders: 1, Classes: 10, HiddenClasses: 2, ChunkBytes: 54272, BlockBytes: 37064}
	for name, c := range map[string]struct {
		text  string
		want  LoaderType
		total bool
	}{
		"whole":                 {loader + hidden + total, all, true},
		"no total":              {loader + hidden, all, false},
		"total cut":             {loader + hidden + strings.TrimRight(total, " \n"), all, false},
		"cut in the second":     {loader + loader[:len(loader)-3], a, false},
		"hidden without loader": {hidden + loader, a, false},
		"hidden behind a text":  {loader + "Loading ...\n" + hidden, a, false},
		"a number too big":      {loader + strings.Replace(loader, "8", "99999999999999999999", 1), a, false},
		"words":                 {strings.Replace(loader, "53248     36552", " 6656      4569", 1), a, false},
		"negative":              {loader + strings.Replace(loader, " 8", "-8", 1), a, false},
		"empty":                 {"", LoaderType{}, false},
		"foreign":               {"Unknown diagnostic command\n", LoaderType{}, false},
		"total alone":           {total, LoaderType{}, false},
	} {
		stats, err := ParseClassLoaderStats(c.text)
		if (err != nil) != (c.want.Name == "") || err == nil && (len(stats.Types) != 1 || stats.Types[0] != c.want) || (stats.Total != nil) != c.total {
			t.Errorf("%s: %+v, %v", name, stats, err)
		}
	}
}

// FuzzParseClassLoaderStats: nothing is negative; the order of lines is no matter.
func FuzzParseClassLoaderStats(f *testing.F) {
	for _, c := range captures(f, "classloader_stats.txt.gz", 8) {
		f.Add(jvmtest.CaptureText(f, c.dir+"/classloader_stats.txt.gz"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		stats, err := ParseClassLoaderStats(text)
		if (err == nil) != (len(stats.Types) > 0) {
			t.Fatalf("%+v, %v", stats, err)
		}
		for _, l := range stats.Types {
			if l.Name == "" || l.Loaders < 1 || l.HiddenClasses < 0 || l.Classes < l.HiddenClasses || l.ChunkBytes < 0 || l.BlockBytes < 0 {
				t.Fatalf("%+v", l)
			}
		}
		if twice, err := ParseClassLoaderStats(text + "\n" + text); (err == nil) != (stats.Types != nil) && strings.HasSuffix(text, "\n") || err == nil && len(twice.Types) < len(stats.Types) {
			t.Fatalf("%+v, twice %+v, %v", stats, twice, err)
		}
	})
}
