package apps

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var (
	binary      = flag.String("jvmem", "", "the binary under test")
	needProgram = flag.String("need", "", "program that installs Debian packages")
	npmDir      = flag.String("npm", "", "folder of npm packages; missing ones are installed there")
	duration    = flag.Duration("duration", 10*time.Minute, "duration of each case")
	markdown    = flag.String("markdown", "", "file to write the tables to")
	document    = flag.String("document", "", "document whose part on sizes is written anew")
	record      = flag.String("record", "", "folder to write the histories to")
	evidence    = flag.String("evidence", "cheap", "--evidence of the sidecars; with jfr the table has the line of code that they name")
)

const mib = 1 << 20

// courses of the cases that ran, and sizes of those of TestSizing.
var (
	courses courseList
	sizes   outcomes
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "apps:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	for _, path := range []*string{binary, needProgram, npmDir, markdown, document, record} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return 1, err
		}
	}
	if *record != "" {
		if err := os.MkdirAll(*record, 0o755); err != nil {
			return 1, err
		}
	}
	code = m.Run()
	return code, errors.Join(courses.write(), sizes.write())
}

// TestServers runs -parallel cases concurrently.
func TestServers(t *testing.T) {
	if *binary == "" {
		t.Fatal("run `make bench-apps`")
	}
	for _, c := range cases() {
		t.Run(c.name(), func(t *testing.T) {
			c.install(t) // these two take CPU time, so before any case runs
			classes := c.compile(t)
			t.Parallel()
			c.run(t, classes)
		})
	}
}
