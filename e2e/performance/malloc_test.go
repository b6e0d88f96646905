package performance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// mallocLimit is the memory limit of jvmem beside a JVM with mallocGiB of malloc in blocks
	// of blockBytes.
	mallocLimit = 64 << 20
	blockBytes  = 1000
)

var mallocGiB = []int{1, 4}

// TestMalloc walks through the blocks of a JVM with much malloc, in a container with little
// memory.
func TestMalloc(t *testing.T) {
	j := installed(t).start(t, 20, 64, "-Xmx600m") // for the addresses
	out := &report.Table{Head: []string{"", "malloc, GiB", "found / allocated", "CPU s", "CPU s/GiB", "goal", "", "peak of the cgroup, MiB"}}
	allocated := 0
	for _, gib := range mallocGiB {
		for ; allocated < gib; allocated++ {
			j.Do(fmt.Sprintf("unsafe 1024 %d", blockBytes))
		}
		lookAtMalloc(t, j, gib, out)
	}
	serveBesideMalloc(t, allocated, out)
	write(t, "malloc", fmt.Sprintf("%s\n\nA JVM with blocks of %d bytes (Unsafe.allocateMemory), looked at in a cgroup with a limit of %d MiB:\n\n%s",
		machine(t, version(t, j)), blockBytes, mallocLimit>>20, out))
}

// lookAtMalloc adds the cost of one look by each command.
func lookAtMalloc(t *testing.T, j *jvmtest.JVM, gib int, out *report.Table) {
	t.Helper()
	pid := fmt.Sprint(j.PID)
	for _, look := range []struct {
		name, goal string
		perGiB     float64 // CPU seconds allowed; 0: any
		args       []string
	}{
		{"`jvmem breakdown`", "0.5", 0.5, []string{"breakdown", "--pid", pid, "--format", "json"}},
		{"`jvmem owners`", "", 0, []string{"owners", "--pid", pid, "--format", "json"}},
	} {
		prefix, peak := jvmtest.Limited(t, mallocLimit)
		cmd := exec.Command(prefix[0], append(prefix[1:], append([]string{*binary}, look.args...)...)...)
		text, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // partial
			t.Fatalf("%s: %v\n%s", look.name, err, text)
		}
		found := ""
		if look.perGiB > 0 {
			var b sidecar.Breakdown
			if err := json.Unmarshal(text, &b); err != nil {
				t.Fatal(err)
			}
			c := b.Only(t)
			if !walked(c) {
				t.Errorf("%d GiB: %+v", gib, c.Sources)
			}
			found = direct(t, c, gib)
		}
		seconds := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		met := ""
		if look.perGiB > 0 {
			met = report.Met(seconds/float64(gib) <= look.perGiB)
		}
		out.Add(look.name, fmt.Sprint(gib), found, report.Number(seconds), report.Number(seconds/float64(gib)), look.goal, met, report.Number(float64(peak())/(1<<20)))
	}
}

// serveBesideMalloc serves until malloc's blocks were walked through.
func serveBesideMalloc(t *testing.T, gib int, out *report.Table) {
	t.Helper()
	prefix, peak := jvmtest.Limited(t, mallocLimit)
	script := filepath.Join(t.TempDir(), "jvmem")
	text := fmt.Sprintf("#!/bin/sh\necho $$ >'%s' && exec '%s' \"$@\"\n", prefix[len(prefix)-1], *binary)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s := sidecar.Start(t, sidecar.Options{Binary: script, Flags: []string{"--max-cpu", "0", "--interval", "1s"}})
	b := s.AwaitBreakdown("malloc's blocks are walked through", func(b *sidecar.Breakdown) bool {
		return len(b.Containers) == 1 && walked(&b.Containers[0])
	})
	out.Add("`jvmem serve`", fmt.Sprint(gib), direct(t, b.Only(t), gib), "", "", "", "", report.Number(float64(peak())/(1<<20)))
}

// walked reports whether malloc's blocks were walked through.
func walked(c *sidecar.Container) bool {
	return slices.ContainsFunc(c.Sources, func(s sidecar.Source) bool { return s.Name == "malloc_blocks" && s.OK })
}

// direct returns which part of the allocated bytes a breakdown has as direct buffers.
func direct(t *testing.T, c *sidecar.Container, gib int) string {
	t.Helper()
	bytes := c.Row("native").Part("direct_buffers").Bytes
	if bytes == nil {
		t.Fatalf("%d GiB: no direct buffers\n%v", gib, c)
	}
	// A block has 16 bytes of NMT and 8 of malloc, rounded up to 16.
	const block = (blockBytes + 16 + 2 + 8 + 15) &^ 15
	blocks := int64(gib) << 30 / blockBytes
	return fmt.Sprintf("%.4f", float64(*bytes)/float64(blocks*block))
}
