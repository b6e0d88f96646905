package jvmtest

import (
	"fmt"
	"os"
	"testing"
)

// KernelAtLeast reports whether Linux is of that version or newer.
func KernelAtLeast(tb testing.TB, major, minor int) bool {
	tb.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		tb.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(string(release), "%d.%d", &a, &b); err != nil {
		tb.Fatalf("Linux %q: %v", release, err)
	}
	return a > major || a == major && b >= minor
}
