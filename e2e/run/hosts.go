package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const mib = 1 << 20

// hosts are all hosts.
var hosts = []host{
	{"v1", "docker,containerd-cgroupfs", false, runHere},
	{"v2", "containerd-systemd,containerd-cgroupfs", true, runGuests},
}

// runHere runs the suite on this machine.
func runHere(ctx context.Context, k *kit, args []string, out, results io.Writer) error {
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		return errors.New("this machine has no cgroup v1, which these tests need (boot it with systemd.unified_cgroup_hierarchy=0)")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	args = append([]string{
		"-jdks", k.tree.JDKFolder(), "-base", k.tree.Base(), "-app", k.path("app"), "-jvmem", k.path("jvmem"),
		"-need", k.need, "-only", k.path("units"), "-results", "/dev/fd/3", "-test.parallel=3",
	}, args...)
	cmd := exec.CommandContext(ctx, k.path("suite"), args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{write}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute // it stops its engines first
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = write.Close() // the suite has it now
	_, copied := io.Copy(results, read)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("test suite: %w", err)
	}
	return copied
}
