// jvmem attributes the memory of a JVM's container to what uses it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
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
	if name, _ := parseCommand(os.Args[1:]); name == "serve" {
		coarsenTimers()
	}
	// The observed container runs as the same user. This prevents it from reading the
	// memory and files of this process and from tracing it. A failure changes nothing.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// environment holds everything that a command depends on besides its arguments.
type environment struct {
	getenv func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// command is a command of the command line.
type command struct {
	name  string
	about string // one line of the help of jvmem
	// words are the possible arguments of the command; none: it takes no argument.
	words []string
	flags func(*pflag.FlagSet) // defines the flags; nil: there are none
	run   func(context.Context, environment, []string) (code int, err error)
}

// commands returns the commands in the order of the help.
func commands() []command {
	return []command{
		{name: "serve", about: "observe the JVMs of this PID namespace; serve HTTP and log (the default)", flags: func(f *pflag.FlagSet) { new(serveOptions).define(f) }, run: serve},
		{name: "breakdown", about: "print one breakdown and exit", flags: func(f *pflag.FlagSet) { new(breakdownOptions).define(f) }, run: printBreakdown},
		{name: "owners", about: "print who owns the native memory of a JVM and exit", flags: func(f *pflag.FlagSet) { new(ownersOptions).define(f) }, run: printOwners},
		{name: "get", about: "print a report of the running sidecar", words: reports(), flags: func(f *pflag.FlagSet) { new(getOptions).define(f) }, run: get},
		{name: "diagnose", about: "diagnose a recorded history", flags: func(f *pflag.FlagSet) { new(diagnoseOptions).define(f) }, run: diagnose},
		{name: "sizing", about: "print what to set: the memory limit and flags of the JVM", flags: func(f *pflag.FlagSet) { new(sizingOptions).define(f) }, run: size},
		{name: "evidence", about: "record which line of code leaks", flags: func(f *pflag.FlagSet) { new(evidenceOptions).define(f) }, run: record},
		{name: "heapdump", about: "write a heap dump to standard output; stops the JVM", flags: func(f *pflag.FlagSet) { new(heapDumpOptions).define(f) }, run: heapDump},
		{name: "try", about: "send a command that acts on the JVM, and print what it proves", words: interventions(), flags: func(f *pflag.FlagSet) { new(tryOptions).define(f) }, run: try},
		{name: "completion", about: "print a completion script for bash, zsh or fish", words: shells(), run: completion},
		{name: "version", about: "print the version", run: printVersion},
		{name: "help", about: "print this help", run: printHelp},
	}
}

// run is main with everything it depends on as arguments.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	name, args := parseCommand(args)
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	code, err := exitError, fmt.Errorf("unknown command %q: serve, breakdown, owners, get, diagnose or version; jvmem help lists all", name)
	if i >= 0 {
		code, err = all[i].run(ctx, environment{getenv, os.Stdin, stdout, stderr}, args)
	}
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "jvmem %s: %v\n", name, err)
		return exitError
	}
	return code
}

// parseCommand returns which command the arguments call, and the arguments that are left for it.
func parseCommand(args []string) (name string, left []string) {
	switch {
	case len(args) == 0:
	case args[0] == "-h" || args[0] == "--help":
		return "help", nil
	case args[0] == "help" && len(args) > 1:
		return args[1], []string{"--help"}
	case args[0] == "--version":
		return "version", nil
	case args[0] != "" && args[0][0] != '-':
		return args[0], args[1:]
	}
	return "serve", args
}

func printVersion(_ context.Context, e environment, _ []string) (int, error) {
	_, err := fmt.Fprintln(e.stdout, "jvmem", version)
	return exitOK, err
}

func printHelp(_ context.Context, e environment, _ []string) (int, error) {
	text := "jvmem attributes the memory of a JVM's container to what uses it.\n\n"
	for _, c := range commands() {
		text += fmt.Sprintf("  jvmem %-10s  %s\n", c.name, c.about)
	}
	_, err := io.WriteString(e.stdout, text+usage)
	return exitOK, err
}
