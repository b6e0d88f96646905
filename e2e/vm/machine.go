package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const (
	consoleBytes = 4 << 10 // of the console that an error quotes
	// Exit codes from this one on mean that systemd could not start the program
	// (systemd.exec(5)).
	notStarted = 200
)

// machine has the open files of QEMU, whose names may be removed.
type machine struct {
	kernel               string
	initrd, system, work *os.File
}

// machine builds what is missing in the cache.
func (c *cache) machine(ctx context.Context, g Guest) (*machine, error) {
	folder, err := c.kernel(ctx, g)
	if err != nil {
		return nil, err
	}
	m := &machine{kernel: filepath.Join(folder, kernelFile)}
	if m.system, err = c.systemDisk(ctx, g); err == nil {
		if m.work, err = c.workDisk(ctx, g); err == nil {
			m.initrd, err = c.initrd(folder, g)
		}
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *machine) close() {
	for _, file := range []*os.File{m.initrd, m.system, m.work} {
		_ = file.Close() // only read, or nil
	}
}

// run starts QEMU and waits for it.
func (m *machine) run(ctx context.Context, g Guest) (exitCode int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var console tail
	var code, complaints bytes.Buffer
	ports, received, err := receive(cancel, &console, g.Stdout, g.Results, &code)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, g.hardware().qemu, m.args(g)...)
	cmd.Stderr, cmd.ExtraFiles = &complaints, append([]*os.File{m.initrd, m.system, m.work}, ports...)
	// In a process group of its own, so that Ctrl-C interrupts only this process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// Pdeathsig is sent when the thread that forked exits, so lock it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	for _, port := range ports {
		_ = port.Close() // QEMU has it now
	}
	if err == nil {
		err = cmd.Wait()
	}
	received()
	err = errors.Join(err, context.Cause(ctx))
	exitCode, ok := exited(code.String())
	if ok && err == nil {
		return exitCode, nil
	}
	what := "it ended before its program"
	if ended := strings.TrimSpace(code.String()); ended != "" {
		what = "its program: " + ended // "killed SEGV", or systemd could not start it
	}
	err = errors.Join(errors.New("guest: "+what), err)
	return 0, fmt.Errorf("%w\n%s\nthe end of its console:\n%s", err, complaints.Bytes(), console)
}

// receive creates a pipe for each writer and copies its data to it; a nil writer discards it.
// wait returns when all pipes are closed. A writer that fails cancels.
func receive(cancel context.CancelCauseFunc, writers ...io.Writer) (pipes []*os.File, wait func(), err error) {
	var copies sync.WaitGroup
	for _, to := range writers {
		read, write, err := os.Pipe()
		if err != nil {
			for _, pipe := range pipes {
				_ = pipe.Close()
			}
			return nil, nil, err
		}
		pipes = append(pipes, write)
		if to == nil {
			to = io.Discard
		}
		copies.Go(func() {
			defer read.Close()
			if _, err := io.Copy(to, read); err != nil {
				cancel(err)
			}
		})
	}
	return pipes, copies.Wait, nil
}

// args of QEMU. Descriptors 3 to 5 are its files, 6 to 9 its serial ports. All CPUs share a
// thread: HotSpot patches instructions that another CPU may execute, and with one thread per
// CPU, QEMU may read a partial change, which crashes the JVM (7.2; 1 start in 10 on a busy
// machine). One thread also needs less CPU time.
func (m *machine) args(g Guest) []string {
	h := g.hardware()
	args := append(slices.Clone(h.machine), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=single", "-m", strconv.Itoa(g.MemoryMiB), "-smp", strconv.Itoa(g.CPUs),
		"-kernel", m.kernel, "-initrd", "/proc/self/fd/3", "-append", h.commandLine(),
		"-drive", "file=/proc/self/fd/4,format=raw,if=virtio,cache=unsafe,snapshot=on",
		"-drive", "file=/proc/self/fd/5,format=raw,if=virtio,cache=unsafe",
		"-device", "virtio-rng-pci",
	)
	return append(args, h.serial(6)...)
}

// exited returns the exit code if the program exited.
func exited(text string) (code int, ok bool) {
	_, err := fmt.Sscanf(text, "exited %d", &code)
	return code, err == nil && code < notStarted
}

// tail keeps the end of the data written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	*t = (*t)[max(0, len(*t)-consoleBytes):]
	return len(p), nil
}
