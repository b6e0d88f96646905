package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const usage = `jvmem tells where every byte of a JVM container goes.

  jvmem [serve]     observe the JVMs of this PID namespace, answer HTTP, log
  jvmem breakdown   one look, in a terminal
  jvmem get         print what the running sidecar reports
  jvmem diagnose    judge a recorded history
  jvmem completion  print a completion script for bash or zsh
  jvmem version

Each flag is also read from the environment: --container-name is
JVMEM_CONTAINER_NAME. The command line wins. See jvmem <command> --help.

  jvmem serve --container-name app
  curl localhost:9753/breakdown?format=text
  curl localhost:9753/diagnosis?format=text
  jvmem breakdown --pid 4711
`

const serveUsage = `Observe the JVMs of this PID namespace: sample, log, and answer HTTP.

  jvmem serve --container-name app
  JVMEM_INTERVAL=30s jvmem
  curl localhost:9753/breakdown?format=text

Flags:
`

const breakdownUsage = `Break down the memory of the JVM containers in sight, once.

  jvmem breakdown
  jvmem breakdown --pid 4711 --format json
  kubectl exec my-pod -c jvmem -- /jvmem breakdown

Exit code: 0 complete, 3 partial (the table says why), 1 error.

Flags:
`

const diagnoseUsage = `Judge a history that was recorded: what grows, and when the limit is reached.

  curl -s localhost:9753/history > history.json
  jvmem diagnose --file history.json

Exit code: 0, whatever the verdict; 1 error.

Flags:
`

// newFlags returns a flag set that prints its help to w.
func newFlags(command string, w io.Writer) *pflag.FlagSet {
	flags := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(w)
	flags.Usage = func() {
		text := map[string]string{"serve": serveUsage, "breakdown": breakdownUsage, "get": getUsage, "diagnose": diagnoseUsage}[command]
		fmt.Fprint(w, text+flags.FlagUsages()+"\nEach flag is also read from the environment: --pod-name is JVMEM_POD_NAME.\n")
	}
	return flags
}

// observeFlags are those of every command that reads a JVM.
func observeFlags(flags *pflag.FlagSet, o *sample.Options) {
	o.Pod = &breakdown.Pod{}
	flags.StringVar(&o.Proc, "proc", "/proc", "proc file system to read")
	flags.StringVar(&o.ContainerName, "container-name", "", "name of the JVM's container, as it cannot be seen from outside")
	flags.StringVar(&o.Pod.Name, "pod-name", "", "name of the pod (downward API: metadata.name)")
	flags.StringVar(&o.Pod.Namespace, "pod-namespace", "", "namespace of the pod (metadata.namespace)")
	flags.StringVar(&o.Pod.UID, "pod-uid", "", "UID of the pod (metadata.uid)")
	flags.StringVar(&o.Pod.Node, "node-name", "", "name of the node (spec.nodeName)")
}

// dropEmptyPod is for a JVM outside Kubernetes: nothing is known of its pod.
func dropEmptyPod(o *sample.Options) {
	if *o.Pod == (breakdown.Pod{}) {
		o.Pod = nil
	}
}

func serveFlags(flags *pflag.FlagSet, o *sidecar.ServeOptions) {
	flags.StringVar(&o.Listen, "listen", ":9753", "address of the HTTP server")
	flags.StringVar(&o.WebConfig, "web.config.file", "", "file that sets TLS and basic auth, in the form of Prometheus' exporters")
	flags.DurationVar(&o.Interval, "interval", 10*time.Second, "time between two samples, at least 100ms")
	flags.Float64Var(&o.MaxCPU, "max-cpu", 0.001, "CPU to take at most, in percent of one core: rows are read less often than each interval to keep it; 0: no limit")
	flags.DurationVar(&o.LogInterval, "log-interval", time.Minute, "time between two log lines with the breakdown; 0: none")
	flags.DurationVar(&o.Retention, "retention", 24*time.Hour, "how long the history is kept, at least 10m")
	flags.StringVar(&o.StateDir, "state-dir", "", "folder that keeps history and autopsies when jvmem is restarted (an emptyDir); at most 20 MB")
	flags.StringVar(&o.Evidence, "evidence", "", "heap: with a suspected heap leak take a class histogram, once; it stops the JVM for 10 to 40 ms and more, by the number of objects")
}

const minRetention = 10 * time.Minute

const minInterval = 100 * time.Millisecond

func checkServe(o *sidecar.ServeOptions) error {
	if o.Interval < minInterval {
		return fmt.Errorf("--interval %s: at least %s", o.Interval, minInterval)
	}
	if !(o.MaxCPU >= 0) { // NaN too
		return fmt.Errorf("--max-cpu %g: 0 or more", o.MaxCPU)
	}
	if o.LogInterval < 0 {
		return fmt.Errorf("--log-interval %s: 0 or more", o.LogInterval)
	}
	if o.Evidence != "" && o.Evidence != sidecar.EvidenceHeap {
		return fmt.Errorf("--evidence %q: heap, or nothing", o.Evidence)
	}
	if o.Retention < minRetention {
		return fmt.Errorf("--retention %s: at least %s", o.Retention, minRetention)
	}
	return nil
}

// parse reads the command line, then the environment for what is not on it.
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
