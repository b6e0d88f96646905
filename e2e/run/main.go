// Command run builds what the end-to-end tests need, runs them on this machine and in a
// guest, and stores the results that passed: a unit runs again only after a change of
// something it depends on. `make e2e-containers` calls it.
//
//	v1  this machine, if it has cgroup v1: Docker, and containerd driven as kubelet does
//	v2  a QEMU guest with systemd: containerd with both cgroup drivers
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/jvmem/jvmem/e2e/result"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root := flag.String("root", "..", "root of the repository")
	names := flag.String("hosts", "v1,v2", "hosts to run on")
	full := flag.Bool("full", false, "run the whole matrix instead of a covering part")
	accuracy := flag.String("accuracy", "", "file to write the accuracy to")
	match := flag.String("match", "", "run only units whose name contains this, and store no result")
	verbose := flag.Bool("v", false, "show the log of the tests")
	flag.Parse()

	kit, err := makeKit(ctx, *root)
	if err != nil {
		return err
	}
	defer kit.remove()
	var all []result.Result
	var errs []error
	for name := range strings.SplitSeq(*names, ",") {
		i := slices.IndexFunc(hosts, func(h host) bool { return h.name == name })
		if i < 0 {
			return fmt.Errorf("no host %q", name)
		}
		r := runner{kit: kit, host: hosts[i], full: *full, match: *match, verbose: *verbose}
		results, err := r.run(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		for _, one := range results {
			one.Unit = name + "/" + one.Unit // names are unique per host only
			all = append(all, one)
		}
	}
	if *accuracy != "" {
		errs = append(errs, writeAccuracy(*accuracy, all))
	}
	return errors.Join(errs...)
}
