// Command guest runs the tests of the cluster in a guest with cgroup v2, whose CPU is emulated.
// By default these are the tests in which the version of cgroups matters:
//
//	go run ./cluster/guest
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/e2e/cluster/node"
	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/vm"
)

// guestTime limits the tests. 21 minutes were measured beside other work.
const guestTime = 2 * time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	root := flag.String("root", "..", "root of the repository")
	tests := flag.String("run", "TestCluster/(install|pods|uninstall)/(deployment|guaranteed)", "tests to run, as of go test")
	flag.Parse()
	ctx, cancel := context.WithTimeout(ctx, guestTime)
	defer cancel()
	path, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("/var/tmp", "jvmem-cluster-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := prepare(ctx, path, work); err != nil {
		return err
	}
	need := filepath.Join(path, ".ci/need")
	tree, err := debian.Get(ctx, need)
	if err != nil {
		return err
	}
	code, err := vm.Run(ctx, need, vm.Guest{
		// The disk is that of the other tests.
		System: []vm.Folder{
			{Source: tree.System(), Target: "/"},
			{Source: tree.JDKFolder(), Target: "/kit/jdk"},
			{Source: tree.Base(), Target: "/kit/base"},
		},
		Key:       filepath.Base(tree.Dir),
		Work:      work,
		MemoryMiB: 6144,
		CPUs:      4, // which the requests of the pods need
		Program: []string{"/work/suite", "-prepared", "/work", "-wait", "20m",
			// Samples take longer than the share of the CPU that is the default.
			"-set", "flags.max-cpu=0",
			"-test.run", *tests, "-test.v", "-test.parallel=3", "-test.timeout", guestTime.String()},
		Stdout: os.Stdout,
	})
	if err == nil && code != 0 {
		err = fmt.Errorf("tests: exit code %d", code)
	}
	return err
}

// prepare writes what the tests need to a folder.
func prepare(ctx context.Context, root, work string) error {
	kit := filepath.Join(work, "kit")
	if err := os.Mkdir(kit, 0o755); err != nil {
		return err
	}
	if err := node.MakeKit(ctx, root, kit); err != nil {
		return err
	}
	// The guest does not have what it links to.
	programs := filepath.Join(kit, node.ProgramFolder)
	linked, err := os.Readlink(programs)
	if err != nil {
		return err
	}
	err = errors.Join(os.Remove(programs), os.CopyFS(programs, os.DirFS(linked)),
		os.CopyFS(filepath.Join(work, "charts"), os.DirFS(filepath.Join(root, "charts"))))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err == nil {
		err = os.WriteFile(filepath.Join(work, "README.md"), text, 0o644)
	}
	if err != nil {
		return err
	}
	for dir, args := range map[string][]string{
		"e2e":               {"test", "-c", "-o", filepath.Join(work, "suite"), "./cluster"},
		"cmd/kubectl-jvmem": {"build", "-ldflags=-s -w", "-o", filepath.Join(work, "kubectl-jvmem"), "."},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = filepath.Join(root, dir), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return nil
}
