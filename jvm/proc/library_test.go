package proc

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// mapping is the line of maps at which a JVM's library, or OpenJ9's, begins.
const mapping = "7f00-7f10 r--p 00000000 fe:00 42  "

func TestFindLibraryCaptures(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/jdk*/g1/maps.txt.gz", 8) {
		text := jvmtest.Capture(t, path)
		var want *Library
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 6 && strings.HasSuffix(fields[5], "/server/libjvm.so") && fields[2] == "00000000" {
				start, _, _ := strings.Cut(fields[0], "-")
				base, err := strconv.ParseUint(start, 16, 64)
				if err != nil {
					t.Fatal(err)
				}
				inode, err := strconv.ParseUint(fields[4], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				want = &Library{Path: fields[5], Base: base, Inode: inode}
			}
		}
		got, err := FindLibrary(bytes.NewReader(text))
		if err != nil || want == nil || *got != *want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
	}
}

func TestFindLibrary(t *testing.T) {
	const openJ9 = "8000-8010 r--p 00000000 fe:00 43 /jdk/lib/default/libj9vm29.so\n"
	for name, tt := range map[string]struct {
		maps string
		want *Library
	}{
		"deleted by an update":  {mapping + "/jdk/lib/server/libjvm.so (deleted)\n", &Library{"/jdk/lib/server/libjvm.so", 0x7f00, 42}},
		"a folder with a space": {mapping + "/my jdk/libjvm.so\n", &Library{"/my jdk/libjvm.so", 0x7f00, 42}},
		"a later part lies lower": {
			"7e00-7e10 r-xp 00256000 fe:00 42 /jdk/libjvm.so\n" + mapping + "/jdk/libjvm.so\n7f10-7f20 r-xp 00010000 fe:00 42 /jdk/libjvm.so\n",
			&Library{"/jdk/libjvm.so", 0x7f00, 42}},
		"only a name like it": {mapping + "/jdk/libjvm.so.bak\n" + "7f10-7f20 r--p 00000000 fe:00 42 /libjvm.so/x\n" +
			"7f20-7f30 r--p 00000000 fe:00 42 /opt/libjvm.so.d/mylibjvm.so\n" + "7f30-7f40 r--p 00000000 00:00 0 [anon:/libjvm.so]\n", nil},
		"only a later part": {"7e00-7e10 r-xp 00256000 fe:00 42 /jdk/libjvm.so\n", nil},
		"OpenJ9":            {strings.Replace(openJ9, "8", "6", 2) + mapping + "/jdk/lib/server/libjvm.so\n", nil},
		"OpenJ9, above":     {mapping + "/jdk/lib/server/libjvm.so\n" + openJ9, nil},
		"no files":          {"7f00-7f10 rw-p 00000000 00:00 0 \n7f10-7f20 rw-p 00000000 00:00 0 [heap]\n", nil},
	} {
		got, err := FindLibrary(strings.NewReader(tt.maps))
		switch {
		case tt.want == nil && !errors.Is(err, ErrNotHotSpot):
			t.Errorf("%s: %+v, %v; want ErrNotHotSpot", name, got, err)
		case tt.want != nil && (err != nil || *got != *tt.want):
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tt.want)
		}
	}
	if got, err := FindLibrary(strings.NewReader("")); !errors.Is(err, ErrGone) {
		t.Errorf("no mappings at all: %+v, %v; want ErrGone", got, err)
	}
}

// A text that is not understood, or not read to its end, proves nothing: what is
// missing may be OpenJ9.
func TestFindLibraryMalformed(t *testing.T) {
	const found = mapping + "/jdk/libjvm.so\n"
	for name, maps := range map[string]io.Reader{
		"no header":        strings.NewReader("/libjvm.so\n"),
		"no address":       strings.NewReader("x-y r--p 00000000 fe:00 42 /libjvm.so\n"),
		"no inode":         strings.NewReader("7f00-7f10 r--p 00000000 fe:00 x /libjvm.so\n"),
		"its line cut":     strings.NewReader(mapping + "/jdk/libjvm.so"),
		"a later line cut": strings.NewReader(found + "8000-8010 r--p 00000000 fe:00 43 /jdk/lib/default/libj9"),
		"an endless line":  strings.NewReader(found + strings.Repeat("x", 64<<10) + "\n"),
		"an endless text":  io.MultiReader(strings.NewReader(found), endless(strings.Repeat("x", 10<<10)+"\n")),
	} {
		if got, err := FindLibrary(maps); got != nil || err == nil || errors.Is(err, ErrNotHotSpot) || errors.Is(err, ErrGone) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// endless is a line again and again.
type endless string

func (line endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], line)
	}
	return n, nil
}

// FuzzFindLibrary: a library is never found beside OpenJ9's, and comes from a
// line of the text.
func FuzzFindLibrary(f *testing.F) {
	f.Add(mapping + "/jdk/libjvm.so\n")
	f.Add("7e00-7e10 r-xp 00256000 fe:00 42 /jdk/libjvm.so (deleted)\n" + mapping + "/libj9vm29.so\n")
	f.Fuzz(func(t *testing.T, maps string) {
		lib, err := FindLibrary(strings.NewReader(maps))
		if (lib == nil) != (err != nil) {
			t.Fatalf("%+v, %v", lib, err)
		}
		if lib != nil && (!strings.Contains(maps, lib.Path) || !strings.Contains(lib.Path, "libjvm.so")) {
			t.Fatalf("%+v", lib)
		}
		if got, err := FindLibrary(strings.NewReader(maps + "\n" + mapping + "/jdk/libj9vm29.so\n")); err == nil {
			t.Fatalf("beside OpenJ9: %+v", got)
		}
	})
}
