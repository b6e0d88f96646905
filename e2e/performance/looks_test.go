package performance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// The looks that goals are about.
const (
	cheapLook  = "jvmem, cheap sample"
	fullLook   = "jvmem, full sample"
	countLook  = "jvmem, JVM asked, its pages counted"
	nmtLook    = "jvmem, NMT summary by attach"
	answerLook = "the JVM's answer to it"
	jcmdLook   = "`jcmd` NMT summary"
	smallLook  = "jvmem, cheap sample of one with 64 MiB"
)

const (
	// recountEvery is in how many samples of a JVM at rest its pages are counted, and
	// youngFor how long more of it is read each time (package jvm).
	recountEvery = 30
	youngFor     = 31 * time.Second
)

// look is a way to look at a JVM. One of this process' own leaves child nil.
type look struct {
	name string
	run  func() (child *os.ProcessState, err error)
	// turn is after how many times it has done all that it does; 0: each time.
	turn int
}

func looks(t *testing.T, d *jdk, j *jvmtest.JVM) []look {
	t.Helper()
	pid, nmt := strconv.Itoa(j.PID), attach.NativeMemorySummary.String()
	of := target(t, j)
	client := attach.New(of, attach.Options{})
	return []look{
		{name: cheapLook, run: cheap(t, j)},
		{fullLook, full(t, j), recountEvery},
		{name: countLook, run: count(t, j)},
		{name: "jvmem, first sample, with the handshake", run: own(func() error {
			s := sample.New(sample.Options{Proc: "/proc", PID: j.PID})
			defer s.Close()
			return errors.Join(forgetSocket(j), complete(t.Context(), s))
		})},
		{name: "jvmem, first attach: handshake, NMT summary", run: own(func() error {
			if err := forgetSocket(j); err != nil {
				return err
			}
			reply, err := attach.New(of, attach.Options{}).Do(t.Context(), attach.NativeMemorySummary)
			return errors.Join(err, checkNMT(reply.Text))
		})},
		{name: nmtLook, run: own(func() error {
			reply, err := client.Do(t.Context(), attach.NativeMemorySummary)
			return errors.Join(err, checkNMT(reply.Text))
		})},
		{name: answerLook, run: own(func() error { return ask(j, of.MajorVersion, nmt) })},
		{name: "`jvmem breakdown`, a process", run: process(nil, *binary, "breakdown", "--pid", pid)},
		{name: jcmdLook, run: process(checkNMT, d.jcmd(j, nmt)...)},
		{name: "`jattach` NMT summary", run: process(checkNMT, "jattach", pid, "jcmd", nmt)},
		{name: "a shell script with awk", run: process(nil, "sh", "shell.sh", pid, j.CgroupDir())},
	}
}

func own(run func() error) func() (*os.ProcessState, error) {
	return func() (*os.ProcessState, error) { return nil, run() }
}

// cheap is what is read each interval, between two full samples.
func cheap(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	group, err := (&cgroup.FS{Proc: "/proc"}).Open(j.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	meter, err := group.Meter()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = meter.Close() }) // nothing was written
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if _, err := p.Ask(t.Context()); err != nil { // as the full sample before it did
		t.Fatal(err)
	}
	gauge, err := p.Gauge()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gauge.Close() })
	var glance cgroup.Glance
	return own(func() error {
		gauge.Read()
		if _, ok := gauge.Classes(); !ok {
			return errors.New("no hsperfdata")
		}
		if _, ok := gauge.Threads(); !ok {
			return errors.New("no threads")
		}
		return meter.Glance(&glance)
	})
}

// count is the dear part of a full sample, as where memory moves all the time.
func count(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // nothing was written
	return own(func() error {
		facts, err := p.Ask(t.Context())
		if err != nil {
			return err
		}
		_, err = p.Walk(facts)
		return err
	})
}

// full is what a served jvmem repeats at its longer interval.
func full(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	s := sample.New(sample.Options{Proc: "/proc", PID: j.PID})
	t.Cleanup(func() { _ = s.Close() })
	run := own(func() error { return complete(t.Context(), s) })
	for range 3 { // until it keeps all that it keeps
		if _, err := run(); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

// complete takes a sample in which no row is missing.
func complete(ctx context.Context, s *sample.Sampler) error {
	r, err := s.Sample(ctx)
	if err != nil {
		return err
	}
	if len(r.Containers) != 1 {
		return fmt.Errorf("%d containers", len(r.Containers))
	}
	for _, row := range r.Containers[0].Memory {
		if row.Bytes == nil {
			return fmt.Errorf("row %s is not known: %+v", row.Name, r.Containers[0].Sources)
		}
	}
	return nil
}

// forgetSocket has the next client shake hands: HotSpot makes its socket anew where
// that was deleted (from 11 on).
func forgetSocket(j *jvmtest.JVM) error { return os.Remove(socket(j)) }

func socket(j *jvmtest.JVM) string { return fmt.Sprintf("/proc/%d/root/tmp/.java_pid%d", j.PID, j.PID) }

// ask has the JVM answer one command, with nothing around it: what is sent is known,
// and what comes is not looked at. This is as fast as a client can be.
func ask(j *jvmtest.JVM, major int, command string) error {
	request := "1\x00jcmd\x00" + command + "\x00\x00\x00"
	if major >= 25 { // docs/protocol.md
		rest := "jcmd streaming=0\x00" + command + "\x00"
		request = fmt.Sprintf("2\x00%d\x00%s", len(rest), rest)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	conn := os.NewFile(uintptr(fd), "attach") // blocks, without a poller
	defer conn.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket(j)}); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	var part [8192]byte
	total := 0
	for {
		n, err := conn.Read(part[:])
		total += n
		if err == io.EOF && total > 1000 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", total, err)
		}
	}
}

// process runs a program, whose output check looks at.
func process(check func(string) error, command ...string) func() (*os.ProcessState, error) {
	return func() (*os.ProcessState, error) {
		cmd := exec.Command(command[0], command[1:]...)
		out, err := cmd.Output()
		if err != nil {
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				out = append(out, exit.Stderr...)
			}
			return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		if check == nil {
			return cmd.ProcessState, nil
		}
		return cmd.ProcessState, check(string(out))
	}
}

// checkNMT checks that a whole report came, not some complaint.
func checkNMT(text string) error {
	if !strings.Contains(text, "Native Memory Tracking:") || !strings.Contains(text, "Total: reserved=") {
		return fmt.Errorf("no NMT report: %.400s", text)
	}
	return nil
}
