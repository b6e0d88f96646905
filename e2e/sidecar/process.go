package sidecar

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	// readyTimeout limits the time until the first sample.
	readyTimeout = 90 * time.Second
	// stopTimeout limits the time that jvmem takes to exit after SIGTERM.
	stopTimeout = 30 * time.Second
	// tailBytes of the log are printed when a test fails.
	tailBytes = 8 << 10
)

// Options configure jvmem serve.
type Options struct {
	// Binary is the path of jvmem.
	Binary string
	// Address to listen on; empty: a free port of 127.0.0.1.
	Address string
	// Proc is passed as --proc; nil: jvmem reads /proc.
	Proc *jvmtest.PodProc
	// Flags follow; --container-name is app.
	Flags []string
}

// Process is a jvmem serve that the test started.
type Process struct {
	*Client
	t      *testing.T
	binary string
	args   []string

	cmd    *exec.Cmd
	log    *output       // what the current process wrote
	exited chan struct{} // closed when the current process has exited
	quit   bool          // by Quit: it does not exit with 0
}

// Start runs jvmem serve and returns after its first sample. The test stops it when it
// ends, fails if it does not exit with 0, and prints the end of its log if it failed.
func Start(t *testing.T, o Options) *Process {
	t.Helper()
	if o.Binary == "" {
		t.Fatal("no binary: make builds it and passes -jvmem")
	}
	if o.Address == "" {
		o.Address = FreeAddress(t)
	}
	p := &Process{Client: NewClient(t, o.Address), t: t, binary: o.Binary}
	p.args = []string{"serve", "--listen", o.Address, "--container-name", "app"}
	if o.Proc != nil {
		p.args = append(p.args, "--proc", o.Proc.Dir())
	}
	p.args = append(p.args, o.Flags...)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("jvmem %v wrote:\n%s", p.args, p.log.tail())
		}
	})
	p.Restart()
	return p
}

// Restart starts jvmem again with the same flags, after Stop or a crash.
func (p *Process) Restart() {
	p.t.Helper()
	p.log, p.exited = &output{}, make(chan struct{})
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log // a pipe, as in a container
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // the result is in ProcessState
		close(exited)
	}(p.cmd, p.exited)
	p.AwaitReady(p.exited)
}

// PID of the process that runs, or ran last.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has exited.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop ends the process, unless it has exited. An exit status other than 0 fails the test.
func (p *Process) Stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if state := p.cmd.ProcessState; state != nil && !state.Success() && !p.quit {
		p.t.Errorf("jvmem exited with %v", state)
	}
}

// Quit has the Go runtime dump all goroutines and exit, and returns what jvmem wrote.
func (p *Process) Quit() string {
	p.t.Helper()
	p.quit = true
	p.signal(syscall.SIGQUIT)
	return p.log.String()
}

// signal returns when the process has exited.
func (p *Process) signal(signal syscall.Signal) {
	p.t.Helper()
	if p.cmd.Process == nil { // it did not start
		return
	}
	select {
	case <-p.exited:
		return
	default:
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.t.Errorf("jvmem does not exit within %v after %v", stopTimeout, signal)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// FreeAddress returns an address of this machine on which nothing listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// output keeps what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) tail() string {
	text := o.String()
	return text[max(0, len(text)-tailBytes):]
}
