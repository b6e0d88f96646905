package apps

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	tomcat      = "/usr/share/java/tomcat10-embed-core.jar"
	annotations = "/usr/share/java/jakarta-annotation-api.jar" // which Tomcat needs
	h2          = "/usr/share/java/h2.jar"
	groovy      = "/usr/share/java/groovy-all.jar"
)

// testCase is a server, clean or with its fault.
type testCase struct {
	server string
	fault  string // what leaks; "" is a clean server
	// verdict is the expected one; subject is the start of the expected subject.
	verdict, subject string
	class            string
	flags            []string
	limit            int64 // MiB
	// faults is the number of requests that leak, or would if the server were not clean.
	faults int
}

// cases returns each server with its fault, then clean.
func cases() []testCase {
	leaks := []testCase{
		{
			server: "Tomcat", fault: "executor for each request", verdict: "threads", subject: "pool-",
			class: "TomcatApp", limit: 320, faults: 1700,
		},
		{
			server: "H2", fault: "sessions never closed", verdict: "heap",
			class: "H2App", limit: 384, faults: 2600, flags: []string{"-Xmx128m"},
		},
		{
			server: "Groovy", fault: "one shared GroovyShell", verdict: "class_loader",
			class: "GroovyApp", limit: 320, faults: 3800,
		},
	}
	var all []testCase
	for _, c := range leaks {
		clean := c
		clean.fault, clean.verdict, clean.subject = "", "", ""
		all = append(all, c, clean)
	}
	return all
}

func (c *testCase) leaks() bool { return c.fault != "" }

func (c *testCase) name() string {
	if c.leaks() {
		return c.server + ", " + c.fault
	}
	return c.server + ", clean"
}

func (c *testCase) truth() string {
	if c.leaks() {
		return c.fault + ": " + c.verdict
	}
	return "clean"
}

func (c *testCase) jvmFlags() []string {
	flags := []string{"-XX:+UseG1GC", "-Xms64m", "-Xmx96m", "-XX:NativeMemoryTracking=summary", "-XX:+ExitOnOutOfMemoryError"}
	if c.leaks() {
		flags = append(flags, "-Dbench.leak=true")
	}
	return slices.Concat(flags, c.flags) // the last of two takes precedence
}

// compile returns the class path of the programs in testdata and their servers.
func compile(t *testing.T) string {
	t.Helper()
	jars := []string{tomcat, annotations, h2, groovy}
	for _, jar := range jars {
		if _, err := os.Stat(jar); err != nil {
			t.Fatalf("install the servers (Debian: apt-get install libtomcat10-embed-java libjakarta-annotation-api-java libh2-java groovy): %v", err)
		}
	}
	sources, err := filepath.Glob("testdata/*.java")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := slices.Concat([]string{"-nowarn", "-d", dir, "-cp", strings.Join(jars, ":")}, sources)
	if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return strings.Join(slices.Concat([]string{dir}, jars), ":")
}
