package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/owners"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const ownersUsage = `Print who owns the native memory of a JVM: the libraries, C++ classes, Java classes and
variables that malloc's blocks point to or are referred to by. It only reads memory: the
JVM is not asked, and need not allow attach. What grows is found by two looks:

  jvmem owners --pid 4711 --save baseline.json
  jvmem owners --pid 4711 --since baseline.json

A name is given only where 90 % of a sample of the blocks agree.

Exit code: 0 complete, 3 partial (the output has the reason), 1 error.
`

type ownersOptions struct {
	proc, since, save, user, format string
	pid                             int
}

func (o *ownersOptions) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.proc, "proc", "/proc", "proc file system to read")
	flags.IntVar(&o.pid, "pid", 0, "JVM to look at, by its process ID; 0: the only JVM of this PID namespace")
	flags.StringVar(&o.since, "since", "", "report only what grew since this baseline, which --save wrote")
	flags.StringVar(&o.save, "save", "", "write what there is now to this file, as a baseline")
	flags.StringVar(&o.user, "user", "", "jvm: started as root, take over the user and group of the JVM, without capabilities")
	formatFlag(flags, &o.format)
	for _, name := range []string{"proc", "since", "save"} {
		annotate(flags, name, pathAnnotation)
	}
	annotate(flags, "user", wordsAnnotation, sidecar.UserJVM)
}

// printOwners looks at one JVM.
func printOwners(_ context.Context, e environment, args []string) (int, error) {
	var o ownersOptions
	flags := newFlags(ownersUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := checkFormat(o.format); err != nil {
		return exitError, err
	}
	if err := checkUser(o.user); err != nil {
		return exitError, err
	}
	if _, err := sidecar.TakeUser(o.user, sample.Options{Proc: o.proc, PID: o.pid}); err != nil {
		return exitError, err
	}
	report, err := owners.Look(o.proc, o.pid, o.since)
	if err != nil {
		return exitError, err
	}
	if o.save != "" {
		if err := report.Save(o.save); err != nil {
			return exitError, fmt.Errorf("--save: %w", err)
		}
	}
	if err := write(report, o.format, e.stdout); err != nil {
		return exitError, err
	}
	if !report.Complete {
		return exitPartial, nil
	}
	return exitOK, nil
}
