package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar/byhand"
)

const evidenceUsage = `Record with JDK Flight Recorder which line of code leaks, and print it.

  jvmem evidence --pid 4711 --kind threads --yes
  kubectl exec my-pod -c jvmem -- /jvmem evidence --kind heap --duration 10m --yes

Only what leaks while it records is seen. If somebody else records already, that
recording is read instead, and none is started. The JVM uses 12 to 20 MiB more for good.

--kind jvm_internal records nothing and needs no --yes: it shows where HotSpot itself allocates
within --duration, if the JVM runs with -XX:NativeMemoryTracking=detail.

Exit code: 0, also if too little was seen to name a line; 1 error.
`

type evidenceOptions struct {
	byhand.RecordOptions
	user, format string
}

func (o *evidenceOptions) define(flags *pflag.FlagSet) {
	observeFlags(flags, &o.Options, &o.user)
	flags.StringVar(&o.Kind, "kind", "", "what leaks: "+strings.Join(byhand.Kinds(), ", "))
	flags.DurationVar(&o.Duration, "duration", time.Minute, "how long to record at most; 5m to 15m for heap")
	flags.BoolVar(&o.Consent, "yes", false, "start the recording")
	flags.BoolVar(&o.Roots, "roots", false, "also search what holds the objects; stops the JVM for up to 0.3 s")
	flags.BoolVar(&o.Gains, "gains", false, "also count what the live objects gain; two full collections stop the JVM")
	flags.BoolVar(&o.Trace, "trace", false, "count calls instead of samples (JDK 25 and newer); the JVM transforms classes for it")
	formatFlag(flags, &o.format)
	annotate(flags, "kind", wordsAnnotation, byhand.Kinds()...)
}

// record prints what a recording shows.
func record(ctx context.Context, e environment, args []string) (int, error) {
	var o evidenceOptions
	flags := newFlags(evidenceUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := checkFormat(o.format); err != nil {
		return exitError, err
	}
	if o.Duration < time.Second || o.Duration > time.Hour {
		return exitError, fmt.Errorf("--duration %s: must be from 1s to 1h", o.Duration)
	}
	if err := takeUser(o.user, o.Options); err != nil {
		return exitError, err
	}
	if o.Kind == byhand.KindInternal {
		found, err := byhand.CompareInternal(ctx, o.RecordOptions, e.stderr)
		if err != nil {
			return exitError, err
		}
		return exitOK, write(found, o.format, e.stdout)
	}
	found, err := byhand.Record(ctx, o.RecordOptions, e.stderr)
	if err != nil {
		return exitError, err
	}
	return exitOK, write(found, o.format, e.stdout)
}
