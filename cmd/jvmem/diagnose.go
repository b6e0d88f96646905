package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

const diagnoseUsage = `Diagnose a recorded history: print what grows and when the limit will be reached.

  curl -s localhost:9753/history > history.json
  jvmem diagnose --file history.json

Exit code: 0 for any verdict, 1 error.
`

type diagnoseOptions struct{ file, format string }

func (o *diagnoseOptions) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.file, "file", "", "output of GET /history or jvmem get history, also compressed by gzip; -: standard input")
	formatFlag(flags, &o.format)
	annotate(flags, "file", pathAnnotation)
}

// diagnose judges a recorded history.
func diagnose(_ context.Context, e environment, args []string) (int, error) {
	var o diagnoseOptions
	flags := newFlags(diagnoseUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := checkFormat(o.format); err != nil {
		return exitError, err
	}
	if o.file == "" {
		return exitError, errors.New("--file is missing: curl -s localhost:9753/history > history.json")
	}
	recorded, err := readHistory(o.file, e)
	if err != nil {
		return exitError, err
	}
	return exitOK, write(diagnosis.DiagnoseAll(recorded), o.format, e.stdout)
}

// readHistory reads a recorded history; -: from standard input.
func readHistory(path string, e environment) (*history.Document, error) {
	in := e.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	recorded, err := history.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return recorded, nil
}
