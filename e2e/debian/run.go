package debian

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// run runs a program and returns its stdout and stderr. It is the first process of a PID
// namespace and has its own mount namespace, so its processes and mounts end with it, and it
// ends with this process.
func run(ctx context.Context, program string, args ...string) (string, error) {
	// Pdeathsig is sent when the thread that forked exits, so lock it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS, // makes the mounts private
		Pdeathsig:    syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out[max(0, len(out)-2<<10):])
	}
	return string(out), err
}

// scratchInBase is the path at which java mounts the builder's scratch folder.
const scratchInBase = "/data"

// java runs the JVM of a JDK as the tests do: in the root file system of containers, where
// the JDK is /opt/jdk, which is writable here.
func (b *builder) java(ctx context.Context, jdk *JDK, args ...string) (string, error) {
	const script = `
		mount --bind "$2" "$1/opt/jdk"
		mount --bind "$3" "$1` + scratchInBase + `"
		mount --bind /dev "$1/dev"
		mount -t proc proc "$1/proc"
		mount -t tmpfs tmpfs "$1/tmp"
		root="$1"
		shift 3
		exec chroot "$root" /opt/jdk/bin/java "$@"`
	return run(ctx, "sh", append([]string{"-ec", script, "sh", b.path(baseName), b.jdk(jdk), b.scratch}, args...)...)
}

// each calls do with every item, concurrently on all CPUs. It returns the first error, which
// cancels the others.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for _, item := range items {
		free <- struct{}{}
		group.Go(func() {
			if err := do(ctx, item); err != nil {
				cancel(err)
			}
			<-free
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
