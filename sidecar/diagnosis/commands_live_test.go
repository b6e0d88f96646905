package diagnosis

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestLiveCommands runs the commands that diagnoses advise, as printed, on the JVM that
// they name: each succeeds and prints what the advice is about.
func TestLiveCommands(t *testing.T) {
	const pool = "http-nio-8080-exec-#"
	prints := map[string]string{
		"VM.classloader_stats":      `(?m)^Total = \d+`,
		"VM.log what=class+unload":  `Command executed successfully|^\d+:\s*$`,
		"GC.heap_dump":              `Heap dump file created`,
		"Compiler.codecache":        `size=\d+Kb used=`,
		"VM.native_memory baseline": `Baseline`,
		"VM.native_memory summary":  `(?m)^Total: reserved=\d+KB( [+-]\d+KB)?, committed=`,
		"Thread.print | grep":       `(?s)"http-nio-8080-exec-0".*"http-nio-8080-exec-2".*\tat `,
		"Thread.print`":             `Full thread dump`,
		"System.trim_native_heap":   `Trim native heap`,
		"`grep ' /' /proc":          `libjvm\.so`,
		"`ls /proc":                 `^\d+\s*$`,
		"`du -sh":                   "", "`ps`": "", "`ss -tm": "", // need no JVM
	}
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m", "-XX:NativeMemoryTracking=summary"}})
	j.Do("threads 3 16 http-nio-8080-exec")
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := p.Resident(a)
	if err != nil {
		t.Fatal(err)
	}
	if f.Threads.Pools[0].Name != pool {
		t.Fatalf("pools %+v", f.Threads.Pools)
	}
	of := &breakdown.JVM{PID: f.PID, NSPID: f.NSPID, Version: f.Version, NMT: f.NMT, Flags: f.Flags}
	var steps []string
	for _, v := range rows.Leaks() {
		subject := ""
		if v == rows.VerdictThreads {
			subject = pool
		}
		steps = append(steps, Next(v, subject, of)...)
	}
	steps = append(steps, Next(rows.VerdictThreads, "", of)...)
	steps = append(steps, Next(rows.VerdictKernel, rows.Sockets, of)...)
	ran := 0
	for _, step := range steps {
		for _, match := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(step, -1) {
			want, known := "", false
			for part, pattern := range prints {
				if strings.Contains(match[0], part) {
					want, known = pattern, true
				}
			}
			if !known {
				t.Errorf("this test does not know what %s prints", match[0])
			}
			if want == "" {
				continue
			}
			command := strings.ReplaceAll(match[1], "/tmp/", filepath.Join(t.TempDir(), "x"))
			out, err := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", command).CombinedOutput()
			if err != nil || !regexp.MustCompile(want).Match(out) {
				t.Errorf("%s: %v, want %s:\n%.2000s", command, err, want, out)
			}
			ran++
		}
	}
	if ran < 10 {
		t.Errorf("only %d commands in %q", ran, steps)
	}
}
