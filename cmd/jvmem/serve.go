package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/eventlog"
)

const serveUsage = `Observe the JVMs of this PID namespace: take samples, log, and serve HTTP.

  jvmem serve --container-name app
  JVMEM_INTERVAL=30s jvmem
  curl 'localhost:9753/breakdown?format=text'
`

const (
	minInterval  = 100 * time.Millisecond
	minRetention = 10 * time.Minute
	// defaultMaxCPU is in cores.
	defaultMaxCPU = 0.001
)

type serveOptions struct {
	sidecar.ServeOptions
	maxCPU   cpuValue
	lasts    time.Duration
	evidence string
}

func (o *serveOptions) define(flags *pflag.FlagSet) {
	observeFlags(flags, &o.Options, &o.User)
	flags.StringVar(&o.Listen, "listen", ":9753", "address of the HTTP server")
	flags.StringVar(&o.WebConfig, "web.config.file", "", "file with TLS and basic auth settings, in the format of the Prometheus exporters")
	flags.DurationVar(&o.Interval, "interval", 10*time.Second, "time between two samples, at least 100ms")
	o.MaxCPU = defaultMaxCPU
	o.maxCPU.cores = &o.MaxCPU
	flags.Var(&o.maxCPU, "max-cpu", "CPU that jvmem may use, in cores (0.001 or 1m): it samples less often to keep to it; 0: no limit")
	flags.DurationVar(&o.LogInterval, "log-interval", time.Minute, "time between two log lines with the breakdown; 0: none")
	flags.DurationVar(&o.Retention, "retention", 24*time.Hour, "how long the history is kept, at least 10m")
	flags.StringVar(&o.StateDir, "state-dir", "", "directory that keeps history, incidents and autopsies across restarts of jvmem (an emptyDir), at most 20 MB")
	flags.StringVar(&o.evidence, "evidence", sidecar.EvidenceCheap, "none, cheap, jfr (the line that leaks; the JVM keeps 12 to 31 MiB), heap (class histogram: a stop), jfr,trace (calls), jfr,gains (full collections)")
	flags.DurationVar(&o.lasts, "for", 0, "end after this time, for an ephemeral container; 0: run until stopped")
	annotate(flags, "web.config.file", pathAnnotation)
	annotate(flags, "state-dir", pathAnnotation)
	annotate(flags, "evidence", wordsAnnotation, sidecar.EvidenceNone, sidecar.EvidenceCheap, sidecar.EvidenceJFR, sidecar.EvidenceHeap, sidecar.EvidenceJFR+","+sidecar.EvidenceTrace, sidecar.EvidenceJFR+","+sidecar.EvidenceGains)
}

func (o *serveOptions) check() error {
	if o.Interval < minInterval {
		return fmt.Errorf("--interval %s: must be at least %s", o.Interval, minInterval)
	}
	if o.LogInterval < 0 {
		return fmt.Errorf("--log-interval %s: must be 0 or more", o.LogInterval)
	}
	var err error
	if o.Evidence, err = sidecar.ParseEvidence(o.evidence); err != nil {
		return err
	}
	if o.Retention < minRetention {
		return fmt.Errorf("--retention %s: must be at least %s", o.Retention, minRetention)
	}
	if o.lasts < 0 {
		return fmt.Errorf("--for %s: must be 0 or more", o.lasts)
	}
	return checkUser(o.User)
}

// serve is the sidecar.
func serve(ctx context.Context, e environment, args []string) (int, error) {
	var o serveOptions
	flags := newFlags(serveUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	dropEmptyPod(&o.Options)
	if err := o.check(); err != nil {
		return exitError, err
	}
	if o.lasts > 0 {
		var stop context.CancelFunc
		ctx, stop = temporary(ctx, o.lasts)
		defer stop()
	}
	o.Log, o.Version = eventlog.Start(e.stdout, version), version
	if o.maxCPU.warning != "" {
		o.Log.Warn(o.maxCPU.warning)
	}
	limitRuntime(o.Proc)
	o.Started = func() { go releaseMemory(ctx) }
	err := sidecar.Serve(ctx, o.ServeOptions)
	if unwritten := o.Log.Close(); err == nil {
		err = unwritten
	}
	return exitOK, err
}
