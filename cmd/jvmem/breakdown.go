package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const breakdownUsage = `Print one breakdown of the JVM containers in this PID namespace and exit.

  jvmem breakdown
  jvmem breakdown --pid 4711 --format json
  kubectl exec my-pod -c jvmem -- /jvmem breakdown

Exit code: 0 complete, 3 partial (the output has the reason), 1 error.
`

type breakdownOptions struct {
	sample.Options
	user, format string
}

func (o *breakdownOptions) define(flags *pflag.FlagSet) {
	observeFlags(flags, &o.Options, &o.user)
	formatFlag(flags, &o.format)
}

// printBreakdown takes one sample.
func printBreakdown(ctx context.Context, e environment, args []string) (int, error) {
	var o breakdownOptions
	flags := newFlags(breakdownUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	dropEmptyPod(&o.Options)
	if err := checkFormat(o.format); err != nil {
		return exitError, err
	}
	if err := checkUser(o.user); err != nil {
		return exitError, err
	}
	asStarted, err := sidecar.TakeUser(o.user, o.Options)
	if err != nil {
		return exitError, err
	}
	sampler := sample.New(o.Options)
	defer sampler.Close()
	report, err := sampler.Sample(ctx)
	if asStarted != nil && !report.Complete() {
		report.Sources = append(report.Sources, *asStarted)
	}
	if err != nil {
		for _, source := range report.Sources {
			if source.Fix != "" {
				err = fmt.Errorf("%w\n  fix: %s", err, source.Fix)
			}
		}
		return exitError, err
	}
	if err := write(&report, o.format, e.stdout); err != nil {
		return exitError, err
	}
	if o.format == "text" {
		verdicts, err := sidecar.DiagnoseOnce(&report)
		if err == nil {
			err = verdicts.WriteSummaries(e.stdout)
		}
		if err != nil {
			return exitError, err
		}
	}
	if !report.Complete() {
		return exitPartial, nil
	}
	return exitOK, nil
}
