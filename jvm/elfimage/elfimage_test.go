package elfimage

import (
	"errors"
	"io"
	"os"
	"testing"
)

// FuzzOpen reads the headers of any content: what is found is of the library, or an error
// says why there is none.
func FuzzOpen(f *testing.F) {
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text[:4096], uint64(0x10000))
	f.Fuzz(func(t *testing.T, text []byte, start uint64) {
		read := func(address uint64, buf []byte) error {
			if at := address - start; at > uint64(len(text)) || copy(buf, text[at:]) < len(buf) {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		i, err := Open(read, start)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) || i != (Image{}) {
				t.Errorf("%+v, %v", i, err)
			}
			return
		}
		if i.Start != start || i.End-i.Start > MaxBytes {
			t.Errorf("%+v", i)
		}
		s, err := i.Symbols(read)
		if err == nil && (!i.contains(s.Table) || !i.contains(s.Names) || !i.contains(s.Hash)) {
			t.Errorf("%+v in %+v", s, i)
		}
	})
}
