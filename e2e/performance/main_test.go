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
	binary     = flag.String("jvmem", "", "the binary under test, an absolute path")
	document   = flag.String("document", "", "the document to write into")
	need       = flag.String("need", "", ".ci/need, which installs Debian packages")
	benchmarks = flag.String("benchmarks", "", "what Go's benchmarks printed")
	rounds     = flag.Int("rounds", 15, "how often everything is measured")
	fresh      = flag.Int("fresh", 3, "JVMs for each diagnostic command")
	observed   = flag.Duration("observed", time.Minute, "one observation of stalls")
	soak       = flag.Duration("soak", 30*time.Minute, "how long the soak lasts")
	settled    = flag.Duration("settled", 5*time.Minute, "how long the footprint is watched")
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
		return errors.New("this is run by `make bench`, `make stalls` and `make soak`")
	}
	if os.Getpid() != 1 {
		return errors.New("it has to be the first process of a PID namespace: go test -exec 'unshare --mount-proc --pid --fork --kill-child'")
	}
	return nil
}

// write puts a section into the document, and shows it.
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
