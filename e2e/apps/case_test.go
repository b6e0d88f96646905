package apps

import (
	"cmp"
	"context"
	"slices"
	"testing"
)

// server is a program that is not part of this project.
type server struct {
	name  string
	needs []need
	// A library has a program, the class in testdata that serves /work and /fault, and
	// jars, its class path.
	program string
	jars    []string
	// A packaged server has arguments, which returns what follows the flags of java. It
	// has to listen on the address, and may write to dir.
	arguments func(t *testing.T, c *testCase, dir, address string) []string
	// connect returns a client; nil: one that sends GET /work and GET /fault.
	connect func(c *testCase, address string) (*client, error)
	// rate is the number of ordinary requests per second at the peak; 0: peakRate.
	rate float64
}

// client sends requests to a server. Its functions are called concurrently.
type client struct {
	work, fault func(ctx context.Context) error
	close       func() // may be nil
}

// testCase is a server, clean or with a fault.
type testCase struct {
	server
	fault string // what is wrong; "" is a clean server
	// verdict is the expected one, "" if nothing leaks; subject is the start of the
	// expected subject.
	verdict, subject string
	also             string // a verdict that is true as well
	line             string // the start of the line of code that leaks, for -evidence=jfr
	gc               string // collector; "" is G1
	flags            []string
	limit            int64 // MiB
	// faults is the number of requests that leak, or would if the server were not clean.
	faults int
}

// cases returns all cases, those of a server together.
func cases() []testCase {
	return slices.Concat(
		tomcatCases(), h2Cases(), groovyCases(),
		nettyCases(), scriptCases(), activemqCases(), zookeeperCases(), nuCases(), wiremockCases(), jettyCases(), puppetCases(),
		elasticmqCases(), mockserverCases(), openrefineCases(), seleniumCases(), plantumlCases(),
	)
}

// clean returns the same case without its fault.
func (c testCase) clean() testCase {
	c.fault, c.verdict, c.subject, c.also, c.line = "", "", "", "", ""
	return c
}

func (c *testCase) leaks() bool { return c.verdict != "" }

func (c *testCase) name() string { return c.server.name + ", " + cmp.Or(c.fault, "clean") }

func (c *testCase) truth() string {
	switch {
	case c.leaks():
		return c.fault + ": " + c.verdict
	case c.fault != "":
		return c.fault + ": no leak"
	default:
		return "clean"
	}
}

func (c *testCase) jvmFlags(dir string) []string {
	flags := []string{
		"-XX:+Use" + cmp.Or(c.gc, "G1") + "GC", "-Xms64m", "-Xmx96m", "-XX:NativeMemoryTracking=summary",
		"-XX:+ExitOnOutOfMemoryError", "-Djava.io.tmpdir=" + dir,
	}
	if c.program != "" {
		flags = append(flags, "-Dbench.dir="+dir)
		if c.fault != "" {
			flags = append(flags, "-Dbench.leak=true")
		}
	}
	return slices.Concat(flags, c.flags) // the last of two takes precedence
}

func TestCases(t *testing.T) {
	var names []string
	for _, c := range cases() {
		if slices.Contains(names, c.name()) {
			t.Errorf("two cases are called %q", c.name())
		}
		names = append(names, c.name())
		if (c.program == "") == (c.arguments == nil) || c.limit == 0 || c.leaks() && (c.fault == "" || c.line == "" || c.faults == 0) {
			t.Errorf("%s cannot run", c.name())
		}
	}
}
