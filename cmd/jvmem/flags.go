package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const usage = `
Every flag can also be set by an environment variable: JVMEM_CONTAINER_NAME sets
--container-name. The command line takes precedence. For the flags of a command:
jvmem <command> --help

  jvmem serve --container-name app
  curl 'localhost:9753/breakdown?format=text'
  curl 'localhost:9753/diagnosis?format=text'
  jvmem breakdown --pid 4711
`

// newFlags returns a flag set that prints its help, after a text, to w.
func newFlags(text string, w io.Writer) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(w)
	flags.Usage = func() {
		fmt.Fprint(w, text+"\nFlags:\n"+flags.FlagUsages()+"\nEvery flag can also be set by an environment variable: JVMEM_POD_NAME sets --pod-name.\n")
	}
	return flags
}

// Annotations of flags, for completion.
const (
	wordsAnnotation = "words" // the values
	pathAnnotation  = "path"  // the value is a file
)

func annotate(flags *pflag.FlagSet, name, annotation string, values ...string) {
	flags.Lookup(name).Annotations = map[string][]string{annotation: values}
}

// observeFlags defines the flags of the commands that read a JVM.
func observeFlags(flags *pflag.FlagSet, o *sample.Options, user *string) {
	o.Pod = &breakdown.Pod{}
	flags.StringVar(&o.Proc, "proc", "/proc", "proc file system to read")
	flags.IntVar(&o.PID, "pid", 0, "JVM to observe, by its process ID; 0: every JVM of this PID namespace")
	flags.StringVar(&o.ContainerName, "container-name", "", "name of the JVM's container, if it was not started by kubelet")
	flags.StringVar(&o.Pod.Name, "pod-name", "", "name of the pod (downward API: metadata.name)")
	flags.StringVar(&o.Pod.Namespace, "pod-namespace", "", "namespace of the pod (metadata.namespace)")
	flags.StringVar(&o.Pod.UID, "pod-uid", "", "UID of the pod (metadata.uid)")
	flags.StringVar(&o.Pod.Node, "node-name", "", "name of the node (spec.nodeName)")
	flags.StringVar(user, "user", "", "jvm: started as root, take over the user and group of the JVM, without capabilities")
	annotate(flags, "proc", pathAnnotation)
	annotate(flags, "user", wordsAnnotation, sidecar.UserJVM)
}

func checkUser(user string) error {
	if user != "" && user != sidecar.UserJVM {
		return fmt.Errorf("--user %q: must be jvm or empty", user)
	}
	return nil
}

// takeUser takes over the user of the JVM for a command that has to.
func takeUser(user string, o sample.Options) error {
	if err := checkUser(user); err != nil {
		return err
	}
	asStarted, err := sidecar.TakeUser(user, o)
	if asStarted != nil {
		return fmt.Errorf("%s\n  fix: %s", asStarted.Reason, asStarted.Fix)
	}
	return err
}

// dropEmptyPod is for a JVM outside Kubernetes.
func dropEmptyPod(o *sample.Options) {
	if *o.Pod == (breakdown.Pod{}) {
		o.Pod = nil
	}
}

func formatFlag(flags *pflag.FlagSet, format *string) {
	flags.StringVar(format, "format", "text", "text or json")
	annotate(flags, "format", wordsAnnotation, "text", "json")
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--format %q: must be text or json", format)
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

// parse reads the command line, then the environment for the flags that are not on it.
func parse(flags *pflag.FlagSet, args []string, getenv func(string) string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "JVMEM_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(f.Name))
		value := getenv(name)
		if f.Changed || value == "" {
			return
		}
		if err := f.Value.Set(value); err != nil {
			errs = append(errs, fmt.Errorf("environment variable %s=%q: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}
