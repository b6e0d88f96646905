package ranges

import (
	"testing"

	"github.com/jvmem/jvmem/jvm/pages"
)

// TestAllocator: memory is glibc's malloc only where nothing replaces it.
func TestAllocator(t *testing.T) {
	const glibc = "/usr/lib/x86_64-linux-gnu/libc.so.6"
	for name, tt := range map[string]struct {
		paths []string
		glibc bool
		want  string
	}{
		"glibc":         {[]string{"", glibc}, true, ""},
		"glibc 2.28":    {[]string{"/lib64/libc-2.28.so"}, true, ""},
		"jemalloc":      {[]string{glibc, "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"}, false, "libjemalloc.so.2"},
		"tcmalloc":      {[]string{"/opt/libtcmalloc_minimal.so.4.5.10", glibc}, false, "libtcmalloc_minimal.so.4.5.10"},
		"mimalloc":      {[]string{glibc, "/usr/lib/libmimalloc.so.2.0"}, false, "libmimalloc.so.2.0"},
		"musl":          {[]string{"/lib/ld-musl-x86_64.so.1"}, false, "ld-musl-x86_64.so.1"},
		"Debian's musl": {[]string{"/usr/bin/program", "/usr/lib/x86_64-linux-musl/libc.so"}, false, "libc.so"},
		"unknown":       {[]string{"/bin/static"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var mappings []pages.Mapping
			for _, path := range tt.paths {
				mappings = append(mappings, pages.Mapping{Path: path})
			}
			if name, glibc := Allocator(mappings); glibc != tt.glibc || name != tt.want {
				t.Errorf("%q, %v, want %q", name, glibc, tt.want)
			}
		})
	}
}
