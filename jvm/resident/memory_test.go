package resident

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// TestManyFiles: thousands of mappings of data files are read as a few, by a scan and from
// smaps, and none of their pages is lost.
func TestManyFiles(t *testing.T) {
	const files, each = 40, 50
	page := os.Getpagesize()
	dir := t.TempDir()
	for i := range files {
		file, err := os.Create(filepath.Join(dir, fmt.Sprint(i, ".idx")))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := file.Truncate(int64(page)); err != nil {
			t.Fatal(err)
		}
		for range each {
			mem, err := unix.Mmap(int(file.Fd()), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Munmap(mem) })
			mem[0] = 1
		}
	}
	pagemap, err := pages.OpenPagemap("/proc/self/pagemap")
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	for name, pagemap := range map[string]*pages.Pagemap{"scan": pagemap, "smaps": nil} {
		mappings, _, err := new(Memory).Read("/proc/self", pagemap, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := CountPages(mappings, nil, nil, nil)
		if got := c.Kinds[ranges.MappedFile]; got.FileBytes != int64(files*each*page) || len(mappings) > 1000 {
			t.Errorf("%s: %+v in %d mappings", name, got, len(mappings))
		}
	}
}
