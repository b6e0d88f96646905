package performance

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
)

var (
	binary     = flag.String("jvmem", "", "absolute path of the binary under test")
	document   = flag.String("document", "", "document to write sections of")
	before     = flag.String("before", "", "absolute path of another binary, measured beside the one under test")
	need       = flag.String("need", "", "path of .ci/need, which installs Debian packages")
	benchmarks = flag.String("benchmarks", "", "output of Go's benchmarks")
	rounds     = flag.Int("rounds", 15, "number of measurements")
	fresh      = flag.Int("fresh", 3, "number of JVMs per diagnostic command")
	observed   = flag.Duration("observed", time.Minute, "duration of one observation of stalls")
	soak       = flag.Duration("soak", 30*time.Minute, "duration of the soak")
	settled    = flag.Duration("settled", 5*time.Minute, "duration of the footprint test")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := ready(); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func ready() error {
	if *binary == "" || *document == "" {
		return errors.New("run `make bench`, `make stalls` or `make soak`")
	}
	if os.Getpid() != 1 {
		return errors.New("not the first process of a PID namespace: use go test -exec 'unshare --mount-proc --pid --fork --kill-child'")
	}
	return nil
}

// write replaces a section of the document and logs it.
func write(t *testing.T, section, text string) {
	t.Helper()
	t.Logf("%s\n\n%s", section, text)
	if err := report.Write(*document, section, text); err != nil {
		t.Error(err)
	}
}

func machine(t *testing.T, jdks ...string) string {
	t.Helper()
	text, err := report.Machine(jdks...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
