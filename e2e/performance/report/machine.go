package report

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine describes this machine, the time and the load, in two lines. jdks are the
// versions of the measured JVMs.
func Machine(jdks ...string) (string, error) {
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	cgroups := "v1"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		cgroups = "v2"
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return "", err
	}
	release, _, _ := bytes.Cut(kernel.Release[:], []byte{0})
	busy := strings.Fields(string(load))
	measured := ""
	if len(jdks) > 0 {
		measured = "JDK " + strings.Join(jdks, " and ") + "; "
	}
	return fmt.Sprintf("%s; %d CPUs, %s%s; Linux %s, cgroup %s;\n%s%s; load average at the end %s (1 minute), %s (15 minutes).",
		time.Now().UTC().Format("2 January 2006, 15:04 MST"), runtime.NumCPU(), model(string(cpus)), guest(string(cpus)),
		release, cgroups, measured, strings.Replace(runtime.Version(), "go", "Go ", 1), busy[0], busy[2]), nil
}

func model(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH // arm64 does not report it
}

func guest(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if flags, ok := strings.CutPrefix(line, "flags"); ok && strings.Contains(flags+" ", " hypervisor ") {
			return " (virtual machine)"
		}
	}
	return ""
}
