// Command run builds what the tests of e2e/arm64 need, and runs them in a guest for each size of
// pages. `make e2e-arm64` calls it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/vm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// guestTime limits the tests in a guest, whose CPU is emulated.
const guestTime = time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "arm64:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	root := flag.String("root", "..", "root of the repository")
	binary := flag.String("jvmem", "", "the binary under test, for arm64")
	pages := flag.String("pages", "4,16", "sizes of pages in KiB: 4, 16 and 64, for which a kernel is built the first time")
	feature := flag.Int("jdk", 17, "JDK to run: 17 or 25")
	tests := flag.String("run", "", "tests to run, as of go test")
	accuracy := flag.String("accuracy", "", "document to write the results into")
	flag.Parse()
	need, err := filepath.Abs(filepath.Join(*root, ".ci/need"))
	if err != nil {
		return err
	}
	tree, err := debian.GetARM64(ctx, need)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("/var/tmp", "jvmem-arm64-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := prepare(ctx, *root, *binary, work); err != nil {
		return err
	}
	sizes := strings.Split(*pages, ",")
	results, errs := make([][]result.Result, len(sizes)), make([]error, len(sizes))
	var guests sync.WaitGroup // each uses one CPU
	for i, size := range sizes {
		guests.Go(func() {
			kib, err := strconv.Atoi(size)
			if err == nil {
				results[i], err = runGuest(ctx, need, tree, work, kib, *feature, *tests)
			}
			if err != nil {
				errs[i] = fmt.Errorf("pages of %s KiB: %w", size, err)
			}
		})
	}
	guests.Wait()
	if *accuracy != "" {
		errs = append(errs, write(*accuracy, slices.Concat(results...)))
	}
	return errors.Join(errs...)
}

// prepare writes what the tests need to a folder.
func prepare(ctx context.Context, root, binary, work string) error {
	if err := os.Chmod(work, 0o755); err != nil { // the JVM's user reads the workload
		return err
	}
	if err := os.Link(binary, filepath.Join(work, "jvmem")); err != nil {
		return err
	}
	app := filepath.Join(work, "app")
	if err := os.Mkdir(app, 0o755); err != nil {
		return err
	}
	if err := jvmtest.Build(app); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", filepath.Join(work, "suite"), "./arm64")
	cmd.Dir, cmd.Env = filepath.Join(root, "e2e"), append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c: %w\n%s", err, out)
	}
	return nil
}

// runGuest returns the results.
func runGuest(ctx context.Context, need string, tree *debian.ARM64, work string, pageKiB, feature int, tests string) (all []result.Result, err error) {
	kernel, err := kernelOf(ctx, need, tree, pageKiB)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, guestTime)
	defer cancel()
	var results bytes.Buffer
	code, err := vm.Run(ctx, need, vm.Guest{
		System:    []vm.Folder{{Source: tree.System(), Target: "/"}},
		Key:       filepath.Base(tree.Dir),
		Work:      work,
		Kernel:    kernel,
		MemoryMiB: 2048,
		CPUs:      1,
		Program: []string{"/work/suite", "-jvmem", "/work/jvmem", "-app", "/work/app", "-jdk", tree.Home(feature), "-results", "/dev/ttyS2",
			"-test.v", "-test.run", tests, "-test.timeout", guestTime.String()},
		Stdout:  os.Stdout,
		Results: &results,
	})
	if err == nil && code != 0 {
		err = fmt.Errorf("tests: exit code %d", code)
	}
	for line := range bytes.Lines(results.Bytes()) {
		var one result.Result
		if e := json.Unmarshal(line, &one); e != nil {
			return all, errors.Join(err, fmt.Errorf("result %q: %w", line, e))
		}
		all = append(all, one)
	}
	return all, err
}

// kernelOf returns Debian's kernel with pages of a size, or builds it.
func kernelOf(ctx context.Context, need string, tree *debian.ARM64, pageKiB int) (*vm.Kernel, error) {
	busybox, err := tree.Busybox()
	if err != nil {
		return nil, err
	}
	kernel := &vm.Kernel{Name: fmt.Sprintf("%dk", pageKiB)}
	if pageKiB == 64 {
		image, err := vm.Build64(ctx, need)
		kernel.Files = []string{image, busybox}
		return kernel, err
	}
	files, err := tree.Kernel(pageKiB)
	kernel.Files = append(files, busybox)
	return kernel, err
}
