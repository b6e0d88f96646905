// jvmem tells where every byte of a JVM container goes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/eventlog"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// version is set by the linker.
var version = "dev"

// Exit codes, part of the contract.
const (
	exitOK      = 0
	exitError   = 1
	exitPartial = 3
)

func main() {
	// The observed container has our user: this keeps it from reading our memory and
	// files, and from tracing us. Where that fails it is as it was without.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is main with everything it depends on as arguments.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := "serve"
	switch {
	case len(args) == 0:
	case args[0] == "-h" || args[0] == "--help":
		command = "help"
	case args[0] != "" && args[0][0] != '-':
		command, args = args[0], args[1:]
	}
	var err error
	code := exitOK
	switch command {
	case "serve":
		err = serve(ctx, args, getenv, stdout)
	case "breakdown":
		code, err = look(ctx, args, getenv, stdout)
	case "diagnose":
		err = diagnose(args, getenv, stdout)
	case "get":
		err = get(ctx, args, getenv, os.Stdin, stdout)
	case "completion":
		err = completion(args, stdout)
	case "version":
		_, err = fmt.Fprintln(stdout, "jvmem", version)
	case "help":
		_, err = fmt.Fprint(stdout, usage)
	default:
		err = fmt.Errorf("unknown command %q: serve, breakdown, get, diagnose or version", command)
	}
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "jvmem %s: %v\n", command, err)
		return exitError
	}
	return code
}

func serve(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var o sidecar.ServeOptions
	flags := newFlags("serve", stdout)
	observeFlags(flags, &o.Options)
	serveFlags(flags, &o)
	if err := parse(flags, args, getenv); err != nil {
		return err
	}
	dropEmptyPod(&o.Options)
	if err := checkServe(&o); err != nil {
		return err
	}
	o.Log, o.Version = eventlog.Start(stdout, version), version
	limitRuntime(o.Proc)
	o.Started = releaseStartupMemory
	err := sidecar.Serve(ctx, o)
	if unwritten := o.Log.Close(); err == nil {
		err = unwritten
	}
	return err
}

// look is the command breakdown: one sample for a terminal.
func look(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) (int, error) {
	var o sample.Options
	var format string
	flags := newFlags("breakdown", stdout)
	observeFlags(flags, &o)
	flags.IntVar(&o.PID, "pid", 0, "process to look at; 0: every JVM in sight")
	flags.StringVar(&format, "format", "text", "text or json")
	if err := parse(flags, args, getenv); err != nil {
		return exitError, err
	}
	dropEmptyPod(&o)
	if err := checkFormat(format); err != nil {
		return exitError, err
	}
	sampler := sample.New(o)
	defer sampler.Close()
	report, err := sampler.Sample(ctx)
	if err != nil {
		for _, source := range report.Sources {
			if source.Fix != "" {
				err = fmt.Errorf("%w\n  fix: %s", err, source.Fix)
			}
		}
		return exitError, err
	}
	if err := write(&report, format, stdout); err != nil {
		return exitError, err
	}
	if format == "text" {
		verdicts, err := sidecar.DiagnoseOnce(&report)
		if err == nil {
			err = verdicts.WriteSummaries(stdout)
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

// diagnose judges a recorded history.
func diagnose(args []string, getenv func(string) string, stdout io.Writer) error {
	var path, format string
	flags := newFlags("diagnose", stdout)
	flags.StringVar(&path, "file", "", "what GET /history answered; - is the standard input")
	flags.StringVar(&format, "format", "text", "text or json")
	if err := parse(flags, args, getenv); err != nil {
		return err
	}
	if err := checkFormat(format); err != nil {
		return err
	}
	if path == "" {
		return errors.New("--file is missing: curl -s localhost:9753/history > history.json")
	}
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return err
		}
		defer file.Close()
	}
	recorded, err := history.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return write(diagnosis.DiagnoseAll(recorded), format, stdout)
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--format %q: text or json", format)
	}
	return nil
}

// write writes a report in one of its forms.
func write(report interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer) error
}, format string, w io.Writer) error {
	if format == "json" {
		return report.WriteJSON(w)
	}
	return report.WriteText(w)
}
