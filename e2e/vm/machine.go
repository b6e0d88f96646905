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
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const (
	consoleBytes = 4 << 10 // of the console that an error quotes
	// From this exit code on it is systemd's word that it could not start the
	// program (systemd.exec(5)).
	notStarted = 200
)

// commandLine is the kernel's. Time is the TSC's, which is that of the host: to
// read another clock, each read leaves the emulated code. An oops is a panic and
// a panic a reset, which ends QEMU.
const commandLine = "console=ttyS0 quiet panic=-1 oops=panic tsc=reliable no_timer_check mitigations=off nokaslr apparmor=0 " +
	"cgroup_no_v1=all transparent_hugepage=madvise TERM=dumb systemd.tty.term.console=dumb systemd.show_status=no systemd.unit=e2e.service"

// machine is what QEMU is given. Its files are open, as their names may go.
type machine struct {
	kernel               string
	initrd, system, work *os.File
}

// machine makes what is not in the cache yet.
func (c *cache) machine(ctx context.Context, g Guest) (*machine, error) {
	folder, err := c.kernel(ctx)
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
		_ = file.Close() // never written by us, or nil
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
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", m.args(g)...)
	cmd.Stderr, cmd.ExtraFiles = &complaints, append([]*os.File{m.initrd, m.system, m.work}, ports...)
	// A process group of its own: Ctrl-C is for us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// Pdeathsig is sent when the thread that forked ends, so it must not.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	for _, port := range ports {
		_ = port.Close() // QEMU's now
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

// receive makes pipes, and copies what comes from each to its writer; nil drops
// it. wait returns when all have ended. A writer that fails cancels.
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

// args of QEMU. Descriptors 3 to 5 are its files, 6 to 9 its serial ports. All
// CPUs share a thread: HotSpot changes instructions that another CPU may be
// running, and where CPUs have threads, QEMU may read half of such a change and
// the JVM dies (7.2; 1 start in 10 on a busy machine). It needs less CPU time too,
// and two guests at once use two cores. Newer models of CPU make the JVM emit
// instructions that are slower to emulate.
func (m *machine) args(g Guest) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=single", "-cpu", "qemu64", "-m", strconv.Itoa(g.MemoryMiB), "-smp", strconv.Itoa(g.CPUs),
		"-kernel", m.kernel, "-initrd", "/proc/self/fd/3", "-append", commandLine,
		"-drive", "file=/proc/self/fd/4,format=raw,if=virtio,cache=unsafe,snapshot=on",
		"-drive", "file=/proc/self/fd/5,format=raw,if=virtio,cache=unsafe",
		"-device", "virtio-rng-pci",
	}
	for fd := 6; fd <= 9; fd++ {
		args = append(args, "-serial", fmt.Sprintf("file:/proc/self/fd/%d", fd))
	}
	return args
}

// exited returns the exit code, where the program exited.
func exited(text string) (code int, ok bool) {
	_, err := fmt.Sscanf(text, "exited %d", &code)
	return code, err == nil && code < notStarted
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	*t = (*t)[max(0, len(*t)-consoleBytes):]
	return len(p), nil
}
