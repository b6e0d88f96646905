package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// temporary returns a context that ends after lasts. It is for an ephemeral container, which
// cannot be removed, and has no memory limit of its own: what it uses counts for the pod's
// limit. So the kernel shall kill jvmem first if the pod runs out of memory.
func temporary(ctx context.Context, lasts time.Duration) (context.Context, context.CancelFunc) {
	// A process that is not dumpable may not write its own files in /proc (proc(5)). A
	// failure leaves the value that kubelet set.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(lasts, cancel) // canceled, as by a signal: the end is no error
	return ctx, func() { timer.Stop(); cancel() }
}
