package report

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOnly takes a container out of texts that jvmem wrote.
func TestOnly(t *testing.T) {
	table, err := os.ReadFile("../../../../sidecar/breakdown/testdata/jdk17-g1-nmt-summary.golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^container (\S+)`).FindStringSubmatch(string(table))
	if name == nil {
		t.Fatalf("the table begins with %q", table[:min(80, len(table))])
	}
	first := strings.Replace(string(table), name[1], "first", 1) + "\n"
	second := strings.Replace(string(table), name[1], "second", 1)
	both := first + second + "Diagnosis of first: nothing grows\nDiagnosis of second: the heap grows\n"
	if got := only(both, "second"); got != second+"Diagnosis of second: the heap grows\n" {
		t.Errorf("second:\n%s", got)
	}
	if got := only(both, ""); got != both {
		t.Errorf("all:\n%s", got)
	}
	if one := second + "Diagnosis: the heap grows\n"; only(one, "second") != one {
		t.Errorf("the only one:\n%s", only(one, "second"))
	}
	const ends = "2026-11-28T19:57:31Z  container first  JVM pid 545\nthe JVM was OOM killed\n\n2026-11-28T19:58:31Z  container second  JVM pid 7\nthe JVM exited\n"
	if got := only(ends, "first"); got != "2026-11-28T19:57:31Z  container first  JVM pid 545\nthe JVM was OOM killed\n\n" {
		t.Errorf("autopsies:\n%s", got)
	}
	const owners = "container first:\nno leak of native memory is suspected\ncontainer second:\nJVM 7 at 2026-11-28T19:58:31Z\n"
	if got := only(owners, "second"); got != "container second:\nJVM 7 at 2026-11-28T19:58:31Z\n" {
		t.Errorf("owners:\n%s", got)
	}
	const verdicts = "container first: NONE\nnothing grows\n\ncontainer second: HEAP\nthe heap grows\n"
	if got := only(verdicts, "second"); got != "container second: HEAP\nthe heap grows\n" {
		t.Errorf("verdicts:\n%s", got)
	}
}
