package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/sidecar/byhand"
)

const heapDumpUsage = `Write a heap dump (HPROF, gzip) of a JVM to standard output. Nothing is written to a disk.

  jvmem heapdump --pid 4711 --yes > heap.hprof.gz
  kubectl exec my-pod -c jvmem -- /jvmem heapdump --yes > heap.hprof.gz

The JVM is stopped until the dump is written. The dump holds every secret of the
application. JDK 8 cannot do it. Without --yes it only prints how long that is.

Exit code: 0 complete, 1 error.
`

// defaultMaxStop is how long a liveness probe may fail by default: 3 times, each 10 s.
const defaultMaxStop = 30 * time.Second

type heapDumpOptions struct {
	byhand.HeapDumpOptions
	user string
}

func (o *heapDumpOptions) define(flags *pflag.FlagSet) {
	observeFlags(flags, &o.Options, &o.user)
	flags.BoolVar(&o.Consent, "yes", false, "stop the JVM and write the dump")
	flags.DurationVar(&o.MaxStop, "max-stop", defaultMaxStop, "longest time that the JVM may be stopped; less than a liveness probe allows")
}

// heapDump writes a heap dump.
func heapDump(ctx context.Context, e environment, args []string) (int, error) {
	var o heapDumpOptions
	flags := newFlags(heapDumpUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if o.MaxStop <= 0 {
		return exitError, fmt.Errorf("--max-stop %s: must be more than 0", o.MaxStop)
	}
	if err := takeUser(o.user, o.Options); err != nil {
		return exitError, err
	}
	if o.Consent && isTerminal(e.stdout) {
		return exitError, errors.New("standard output is a terminal\n  fix: redirect it to a file: jvmem heapdump --yes > heap.hprof.gz; kubectl exec without -t")
	}
	return exitOK, byhand.HeapDump(ctx, o.HeapDumpOptions, e.stdout, e.stderr)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
