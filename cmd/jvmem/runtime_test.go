package main

import (
	"os"
	"testing"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/jvm/pages"
)

// TestReleaseProgram: pages of the program are released, and its variables stay.
func TestReleaseProgram(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	code := func() (bytes int64) {
		file, err := os.Open("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := new(pages.Reader).Read(file, func(m *pages.Mapping) {
			if m.Path == program && m.Perm&pages.Write == 0 {
				bytes += m.RSSBytes
			}
		}); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	before, variable := code(), pflag.ErrHelp.Error()
	releaseProgram()
	if after := code(); after >= before {
		t.Errorf("%d bytes of the program before, %d after", before, after)
	}
	if pflag.ErrHelp.Error() != variable {
		t.Error("a variable has changed")
	}
}
