package jvmtest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout   = 2 * time.Minute // a JVM starts in 0.1 s; with a load of 100 on two cores it took more than 30 s
	commandTimeout = 3 * time.Minute // where the CPU is emulated, jit takes one
	outputBytes    = 64 << 10        // of what the JVM says beside its replies; a thread dump is 40 KiB
)

// Options says how the workload runs. The zero value is the java of JAVA_HOME
// or PATH, with its defaults, as the test's own user, without a memory limit.
type Options struct {
	// JavaHome is the folder that holds bin/java.
	JavaHome string
	// JVMFlags come before the class name.
	JVMFlags []string
	// Wrap is a command that runs java, whose path and arguments are added to it:
	// in another root file system, for example. It becomes java by exec.
	Wrap []string
	// LimitBytes limits the cgroup; 0 means no limit.
	LimitBytes int64
	// UID and GID are the workload's user and group, without supplementary
	// groups; only looked at where UID is not 0. Needs a test that runs as root.
	UID, GID int
	// Env is added to the test's own environment.
	Env []string
	// Class is another program than the workload, which replies like it: READY, then a
	// line with OK or ERR to each command. ClassPath has its classes.
	Class, ClassPath string
	// Server has the arguments after JVMFlags of a program that is not like it: a class or
	// -jar, and what follows. Start does not wait for it, and it gets no commands.
	Server []string
}

// JVM is a running workload. Its methods are for the test's own goroutine.
type JVM struct {
	// Cmd has been started and is waited for by the package.
	Cmd *exec.Cmd
	// PID is the JVM's process ID in the test's own PID namespace.
	PID int

	tb      testing.TB
	cgroup  *cgroup
	stdin   io.WriteCloser
	replies chan string
	exited  chan struct{}
	output  *output
}

// Start runs the workload in a memory cgroup of its own and returns when it
// listens. At the end of the test everything that runs in the cgroup is killed
// and the cgroup removed. What is missing ends the test with what to do.
func Start(tb testing.TB, opts Options) *JVM {
	tb.Helper()
	java := findJava(tb, opts.JavaHome)
	args := slices.Concat(opts.Wrap, []string{java}, opts.JVMFlags, opts.Server)
	if opts.Server == nil {
		if opts.Class == "" {
			opts.Class, opts.ClassPath = "Workload", Classes(tb, java)
		}
		args = append(args, "-cp", opts.ClassPath, opts.Class)
	}

	group, err := newCgroup(opts.LimitBytes, opts.UID)
	if err != nil {
		tb.Fatalf("jvmtest: the workload needs a writable memory cgroup (run as root, or in a privileged container): %v", err)
	}
	tb.Cleanup(func() {
		if err := group.remove(); err != nil {
			tb.Errorf("jvmtest: %v", err)
		}
	})

	j := &JVM{
		tb:      tb,
		cgroup:  group,
		replies: make(chan string, 1),
		exited:  make(chan struct{}),
		output:  &output{},
	}
	attr := &syscall.SysProcAttr{}
	if group.version == 1 {
		enter := []string{"-c", enterScript, filepath.Join(group.dir, "cgroup.procs")}
		j.Cmd = exec.Command("/bin/sh", append(enter, args...)...)
	} else {
		dir, err := os.Open(group.dir)
		if err != nil {
			tb.Fatalf("jvmtest: %v", err)
		}
		defer dir.Close()
		attr.UseCgroupFD, attr.CgroupFD = true, int(dir.Fd())
		j.Cmd = exec.Command(args[0], args[1:]...)
	}
	if opts.UID != 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(opts.UID), Gid: uint32(opts.GID)}
	}
	j.Cmd.SysProcAttr = attr
	j.Cmd.Env = append(os.Environ(), opts.Env...)
	j.Cmd.Stderr = j.output
	j.Cmd.WaitDelay = 5 * time.Second
	j.start()
	if opts.Server == nil {
		j.awaitReady()
	}
	return j
}

func (j *JVM) start() {
	j.tb.Helper()
	stdin, err := j.Cmd.StdinPipe()
	if err != nil {
		j.tb.Fatalf("jvmtest: %v", err)
	}
	stdout, err := j.Cmd.StdoutPipe()
	if err != nil {
		j.tb.Fatalf("jvmtest: %v", err)
	}
	if err := j.Cmd.Start(); err != nil {
		j.tb.Fatalf("jvmtest: start %s: %v", j.Cmd.Path, err)
	}
	j.stdin, j.PID = stdin, j.Cmd.Process.Pid
	j.tb.Cleanup(j.kill)
	go j.listen(stdout)
}

func (j *JVM) awaitReady() {
	j.tb.Helper()
	switch reply, ok := j.await("the start", startTimeout); {
	case !ok:
		j.tb.Fatalf("jvmtest: the JVM ended at its start (%v)\n%s", j.Cmd.ProcessState, j.output)
	case reply != "READY":
		j.tb.Fatalf("jvmtest: the workload began with %q", reply)
	}
}

// listen passes the replies on, until the JVM has ended.
func (j *JVM) listen(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "READY" || strings.HasPrefix(line, "OK ") || strings.HasPrefix(line, "ERR ") {
			j.replies <- line
			continue
		}
		// A JVM writes thread dumps and warnings here too.
		_, _ = j.output.Write([]byte(line + "\n")) // never fails
	}
	close(j.replies)
	_ = j.Cmd.Wait() // the outcome is in Cmd.ProcessState
	close(j.exited)
}

// kill leaves the JVM's children to the removal of the cgroup.
func (j *JVM) kill() {
	_ = j.Cmd.Process.Kill() // ended already is fine
	for range j.replies {    // an unread reply would block listen
	}
	<-j.exited
	// A killed JVM leaves its socket, for a later one of the same PID to find.
	_ = os.Remove("/tmp/.java_pid" + strconv.Itoa(j.PID))
}

// Do sends one command and returns its reply without the leading OK. An ERR, a
// missing reply and the JVM's end fail the test.
func (j *JVM) Do(line string) string {
	j.tb.Helper()
	reply, ok := j.Try(line)
	if !ok {
		j.tb.Fatalf("jvmtest: %s: the JVM ended (%v)\n%s", line, j.Cmd.ProcessState, j.output)
	}
	rest, ok := strings.CutPrefix(reply, "OK ")
	if !ok {
		j.tb.Fatalf("jvmtest: %s\n%s", reply, j.output)
	}
	return rest
}

// Try sends one command, which may be the last: ok is false if the JVM has ended
// before it replied. The reply begins with OK or ERR.
func (j *JVM) Try(line string) (reply string, ok bool) {
	j.tb.Helper()
	if _, err := io.WriteString(j.stdin, line+"\n"); err != nil {
		<-j.exited // only this closes its standard input
		return "", false
	}
	return j.await(line, commandTimeout)
}

// Send sends one command whose reply will not be awaited, because it ends the
// JVM or makes the kernel end it. Nothing can be done after it.
func (j *JVM) Send(line string) {
	j.tb.Helper()
	if _, err := io.WriteString(j.stdin, line+"\n"); err != nil {
		j.tb.Fatalf("jvmtest: send %q: %v\n%s", line, err, j.output)
	}
}

// await returns the next line of reply; ok is false if the JVM has ended.
func (j *JVM) await(what string, timeout time.Duration) (reply string, ok bool) {
	j.tb.Helper()
	select {
	case reply, ok := <-j.replies:
		if !ok {
			<-j.exited
		}
		return reply, ok
	case <-time.After(timeout):
		j.tb.Fatalf("jvmtest: %s: no reply within %v\n%s", what, timeout, j.output)
		return "", false
	}
}

// Exited is closed when the JVM has ended and Cmd.ProcessState says how.
func (j *JVM) Exited() <-chan struct{} { return j.exited }

// CgroupDir returns the directory of the JVM's memory cgroup.
func (j *JVM) CgroupDir() string { return j.cgroup.dir }

// CgroupVersion returns 1 or 2: which files to expect in CgroupDir.
func (j *JVM) CgroupVersion() int { return j.cgroup.version }

// Output returns what the JVM has said beside its replies, on both streams;
// the first 64 KiB of it.
func (j *JVM) Output() string { return j.output.String() }

// Numbers returns the key=value pairs of a reply whose values are whole numbers.
func Numbers(reply string) map[string]int64 {
	numbers := map[string]int64{}
	for word := range strings.FieldsSeq(reply) {
		if key, value, ok := strings.Cut(word, "="); ok {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				numbers[key] = n
			}
		}
	}
	return numbers
}

// output keeps the start of what is written to it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write never fails and drops what is too much.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p[:min(len(p), outputBytes-o.buf.Len())])
	return len(p), nil
}

// String returns what was kept.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
