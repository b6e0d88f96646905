package pages

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScanWhileMappingsChange drops pages, splits and merges mappings all the time, also between
// reading maps and reading page tables: no page is counted twice, and unchanged memory is counted exactly.
func TestScanWhileMappingsChange(t *testing.T) {
	page := os.Getpagesize()
	const pages = 2 * piecePages
	restless := mmap(t, -1, pages*page, rw, unix.MAP_PRIVATE|unix.MAP_ANON)
	steady := mmap(t, -1, pages*page, rw, unix.MAP_SHARED|unix.MAP_ANON) // merges with no neighbour
	for i := 0; i < len(steady); i += page {
		restless[i], steady[i] = 1, 1
	}
	base, size := address(restless), uint64(len(restless))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i = (i + 7) % (pages - 8) {
			select {
			case <-stop:
				return
			default:
			}
			part := restless[i*page : (i+8)*page]
			if err := errors.Join(unix.Mprotect(part, unix.PROT_READ), unix.Madvise(part, unix.MADV_DONTNEED), unix.Mprotect(part, rw)); err != nil {
				t.Error(err)
				return
			}
			part[0] = 1
		}
	}()
	defer func() { close(stop); <-stopped }()
	pagemap := openPagemap(t)
	var reader Reader
	var scan Scan
	for range 30 {
		maps, err := os.Open("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		var mappings []Mapping
		err = reader.ReadMaps(maps, func(m *Mapping) { mappings = append(mappings, *m) })
		maps.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := scan.Read(pagemap, mappings, nil); err != nil {
			if errors.Is(err, ErrNoScan) { // TestScanOfThisProcess knows whether it may
				return
			}
			t.Fatal(err)
		}
		checkOrder(t, mappings)
		var moving, still int64
		for _, m := range within(mappings, base, base+size) {
			moving += m.RSSBytes
		}
		for _, m := range within(mappings, address(steady), address(steady)+size) {
			still += m.RSSBytes
		}
		if moving > int64(size) || still != int64(size) {
			t.Fatalf("%d of %d bytes that change, %d of as many that stay", moving, size, still)
		}
	}
}
