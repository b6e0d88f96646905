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

// The ways that goals refer to.
const (
	lightReading = "jvmem, light reading"
	fullSample   = "jvmem, full sample"
	countSample  = "jvmem, full sample, pages counted"
	nmtAttach    = "jvmem, NMT summary over attach"
	bareRequest  = "same request on a bare socket"
	jcmdNMT      = "`jcmd` NMT summary"
	smallReading = "jvmem, light reading, heap of 64 MiB"
)

const (
	// recountEvery is the number of samples of an idle JVM of which one counts pages;
	// until youngFor has passed, each sample reads more (package jvm).
	recountEvery = 30
	youngFor     = 31 * time.Second
)

// way is one way to sample a JVM. child is nil if it starts no process.
type way struct {
	name string
	run  func() (child *os.ProcessState, err error)
	// cycle is the number of runs after which its work repeats; 0 is one.
	cycle int
}

func ways(t *testing.T, d *jdk, j *jvmtest.JVM) []way {
	t.Helper()
	pid, nmt := strconv.Itoa(j.PID), attach.NativeMemorySummary.String()
	of := target(t, j)
	client := attach.New(of, attach.Options{})
	return []way{
		{name: lightReading, run: light(t, j)},
		{fullSample, full(t, j), recountEvery},
		{name: countSample, run: count(t, j)},
		{name: "jvmem, first sample with handshake", run: own(func() error {
			s := sample.New(sample.Options{Proc: "/proc", PID: j.PID})
			defer s.Close()
			return errors.Join(forgetSocket(j), complete(t.Context(), s))
		})},
		{name: "jvmem, first attach with handshake", run: own(func() error {
			if err := forgetSocket(j); err != nil {
				return err
			}
			reply, err := attach.New(of, attach.Options{}).Do(t.Context(), attach.NativeMemorySummary)
			return errors.Join(err, checkNMT(reply.Text))
		})},
		{name: nmtAttach, run: own(func() error {
			reply, err := client.Do(t.Context(), attach.NativeMemorySummary)
			return errors.Join(err, checkNMT(reply.Text))
		})},
		{name: bareRequest, run: own(func() error { return request(j, of.MajorVersion, nmt) })},
		{name: "`jvmem breakdown`", run: process(nil, *binary, "breakdown", "--pid", pid)},
		{name: jcmdNMT, run: process(checkNMT, d.jcmd(j, nmt)...)},
		{name: "`jattach` NMT summary", run: process(checkNMT, "jattach", pid, "jcmd", nmt)},
		{name: "shell script with awk", run: process(nil, "sh", "shell.sh", pid, j.CgroupDir())},
	}
}

func own(run func() error) func() (*os.ProcessState, error) {
	return func() (*os.ProcessState, error) { return nil, run() }
}

// light is the reading at each interval, between two full samples.
func light(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	group, err := (&cgroup.FS{Proc: "/proc"}).Open(j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = group.Close() }) // nothing was written
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if _, err := p.Query(t.Context()); err != nil { // as the full sample before it did
		t.Fatal(err)
	}
	gauge, err := p.LightReading()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gauge.Close() })
	var reading cgroup.Reading
	return own(func() error {
		gauge.Read()
		if _, ok := gauge.Classes(); !ok {
			return errors.New("no hsperfdata")
		}
		if _, ok := gauge.Threads(); !ok {
			return errors.New("no threads")
		}
		return group.Read(&reading)
	})
}

// count is a full sample that counts resident pages, as while memory changes.
func count(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // nothing was written
	return own(func() error {
		answers, err := p.Query(t.Context())
		if err != nil {
			return err
		}
		_, _, err = p.Resident(answers)
		return err
	})
}

// full is a sample of jvmem serve.
func full(t *testing.T, j *jvmtest.JVM) func() (*os.ProcessState, error) {
	t.Helper()
	s := sample.New(sample.Options{Proc: "/proc", PID: j.PID, Patience: time.Minute}) // a goroutine reads, as in jvmem serve
	t.Cleanup(func() { _ = s.Close() })
	run := own(func() error { return complete(t.Context(), s) })
	for range 3 { // until everything that it reuses is filled
		if _, err := run(); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

// complete takes a sample and fails if a row is unknown.
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
			return fmt.Errorf("row %s is unknown: %+v", row.Name, r.Containers[0].Sources)
		}
	}
	return nil
}

// forgetSocket deletes the JVM's socket: the next client repeats the handshake, in which
// HotSpot creates the socket again (JDK 11 and newer).
func forgetSocket(j *jvmtest.JVM) error { return os.Remove(socket(j)) }

func socket(j *jvmtest.JVM) string { return fmt.Sprintf("/proc/%d/root/tmp/.java_pid%d", j.PID, j.PID) }

// request sends one command and reads the reply without parsing it: the lower bound for a
// client.
func request(j *jvmtest.JVM, major int, command string) error {
	text := "1\x00jcmd\x00" + command + "\x00\x00\x00"
	if major >= 25 { // docs/protocol.md
		rest := "jcmd streaming=0\x00" + command + "\x00"
		text = fmt.Sprintf("2\x00%d\x00%s", len(rest), rest)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	conn := os.NewFile(uintptr(fd), "attach") // blocking, without the poller
	defer conn.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket(j)}); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, text); err != nil {
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

// process runs a program and passes its output to check.
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

// checkNMT returns an error unless the text is a complete report.
func checkNMT(text string) error {
	if !strings.Contains(text, "Native Memory Tracking:") || !strings.Contains(text, "Total: reserved=") {
		return fmt.Errorf("no NMT report: %.400s", text)
	}
	return nil
}
