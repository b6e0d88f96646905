package owners

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jvmem/jvmem/e2e/debian"
)

var (
	binary   = flag.String("jvmem", "", "the binary under test")
	need     = flag.String("need", "", "script that installs Debian packages (.ci/need)")
	document = flag.String("document", "", "file whose tables are written")
	cases    = flag.String("programs", ".", "regular expression: the programs to run")
)

const mib = 1 << 20

// built is what the programs run from.
var built *app

// outcomes of the programs that ran.
var outcomes outcomeList

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "owners:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if *binary == "" || *need == "" {
		return 1, errors.New("run `make bench-owners`")
	}
	for _, path := range []*string{binary, need, document} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return 1, err
		}
	}
	tree, err := debian.Get(context.Background(), *need)
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "jvmem-owners-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if built, err = build(dir, tree); err != nil {
		return 1, err
	}
	code = m.Run()
	return code, outcomes.write()
}

// TestOwners runs the programs, -parallel of them concurrently; with -short a few.
func TestOwners(t *testing.T) {
	selected := regexp.MustCompile(*cases)
	for _, p := range programs() {
		if testing.Short() && !p.smoke || !selected.MatchString(p.name()) {
			continue
		}
		t.Run(p.name(), func(t *testing.T) {
			t.Parallel()
			p.run(t)
		})
	}
}
