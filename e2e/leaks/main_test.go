package leaks

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

var (
	binary   = flag.String("jvmem", "", "the binary under test")
	interval = flag.Duration("interval", 500*time.Millisecond, "interval of jvmem")
	markdown = flag.String("markdown", "", "file to write the tables to")
	record   = flag.String("record", "", "folder to write the last response of /history of each case and recordings.json to")
	shapes   = flag.Bool("shapes", false, "record the growth of rows only, without a diagnosis")
)

const mib = 1 << 20

// library is the path of the workload's library, built once.
var library string

// outcomes of the cases that ran, in the order of their end.
var outcomes outcomeList

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "leaks:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if *binary == "" {
		return 1, errors.New("run `make bench-diagnosis`")
	}
	if *binary, err = filepath.Abs(*binary); err != nil {
		return 1, err
	}
	app, err := os.MkdirTemp("", "jvmem-leaks-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(app)
	if err := jvmtest.Build(app); err != nil {
		return 1, err
	}
	library = filepath.Join(app, "libworkload.so")
	code = m.Run()
	return code, outcomes.write()
}

// TestDiagnosis runs -parallel cases concurrently.
func TestDiagnosis(t *testing.T) {
	if *slowFor > 0 {
		t.Skip("TestSlow runs instead")
	}
	for _, c := range slices.Concat(leaks(), lookAlikes()) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}
