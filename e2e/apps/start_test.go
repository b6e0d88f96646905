package apps

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// startTimeout limits the time to the first answer.
const startTimeout = 5 * time.Minute

// starts has a token for each server that starts. A start takes 10 s of CPU time: when all
// began at once, on two CPUs, nine of 29 did not answer in time.
var starts = make(chan struct{}, 3)

// need is a file that a package brings.
type need struct{ file, debian, npm string }

// npmFile returns the path of a file of the folder of npm packages.
func npmFile(name string) string { return filepath.Join(*npmDir, "node_modules", name) }

// install makes sure that the files are there.
func (s *server) install(t *testing.T) {
	t.Helper()
	for _, n := range s.needs {
		if n.npm != "" {
			n.file = npmFile(n.file)
		}
		if _, err := os.Stat(n.file); err == nil {
			continue
		}
		if *needProgram == "" {
			t.Fatalf("%s is missing: run `make bench-apps`", n.file)
		}
		install := exec.Command(*needProgram, n.file, n.debian)
		if n.npm != "" {
			install = exec.Command("npm", "install", "--silent", "--ignore-scripts", "--prefix", *npmDir, n.npm)
		}
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", install.Args, err, out)
		}
	}
}

// start returns the running server, which answers, and a client.
func (c *testCase) start(t *testing.T, classes string) (*jvmtest.JVM, *client) {
	t.Helper()
	starts <- struct{}{}
	defer func() { <-starts }()
	dir := t.TempDir()
	o := jvmtest.Options{JVMFlags: c.jvmFlags(dir), LimitBytes: c.limit * mib}
	address := ""
	if c.program != "" {
		o.Class, o.ClassPath = c.program, classes
	} else {
		address = sidecar.FreeAddress(t)
		o.Server = c.arguments(t, c, dir, address)
	}
	j := jvmtest.Start(t, o)
	if c.program != "" {
		address = fmt.Sprintf("127.0.0.1:%d", jvmtest.Numbers(j.Do("port"))["port"])
	}
	connect := c.connect
	if connect == nil {
		connect = getter
	}
	last := errors.New("no attempt")
	for begun := time.Now(); time.Since(begun) < startTimeout; time.Sleep(time.Second) {
		select {
		case <-j.Exited():
			t.Fatalf("the server ended at its start: %v\n%s", j.Cmd.ProcessState, j.Output())
		default:
		}
		var to *client
		if to, last = connect(c, address); last != nil {
			continue
		}
		if last = to.work(t.Context()); last == nil {
			if to.close != nil {
				t.Cleanup(to.close)
			}
			return j, to
		}
		if to.close != nil {
			to.close()
		}
	}
	t.Fatalf("the server does not answer: %v\n%s", last, j.Output())
	return nil, nil
}

// compile returns the class path of the program, if there is one.
func (s *server) compile(t *testing.T) string {
	t.Helper()
	if s.program == "" {
		return ""
	}
	classes := t.TempDir()
	javac := exec.Command("javac", "-nowarn", "-d", classes, "-cp", strings.Join(s.jars, ":"), "-sourcepath", "testdata",
		filepath.Join("testdata", s.program+".java"))
	if out, err := javac.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return strings.Join(append([]string{classes}, s.jars...), ":")
}
