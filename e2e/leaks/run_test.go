package leaks

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	tick       = 100 * time.Millisecond // between two steps of the script
	endTimeout = 5 * time.Minute        // about 100 s are planned
)

// trial is a running case.
type trial struct {
	*testing.T
	c        *testCase
	j        *jvmtest.JVM
	s        *sidecar.Process
	proc     *jvmtest.PodProc
	dir, shm string
	begun    time.Time
	ended    chan struct{} // closed at the OOM kill or the exit of the JVM
	endTime  time.Time     // valid then
}

func (c *testCase) run(t *testing.T) {
	outcomes.start(c.name)
	r := &trial{T: t, c: c, dir: t.TempDir(), ended: make(chan struct{})}
	r.j = jvmtest.Start(t, jvmtest.Options{JVMFlags: c.jvmFlags(), LimitBytes: c.limit * mib})
	r.shm = fmt.Sprintf("/dev/shm/jvmem-leaks-%d", r.j.PID)
	t.Cleanup(r.removeShm)
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	r.proc = jvmtest.NewPodProc(t)
	if err := r.proc.ShowCgroup(r.j.CgroupDir()); err != nil {
		t.Fatal(err)
	}
	r.s = sidecar.Start(t, sidecar.Options{
		Binary: *binary, Proc: r.proc, Flags: []string{"--interval", interval.String(), "--max-cpu", "0", "--log-interval", "0"},
	})
	t.Cleanup(func() { // before the other cleanups: stop observing first
		cancel()
		background.Wait()
	})
	r.do(cmp.Or(c.churn, "churn 20 8"))
	r.begun = time.Now()
	background.Go(func() { r.awaitEnd(ctx) })
	o := &outcome{c: c, begun: r.begun}
	observed := make(chan error, 1)
	background.Go(func() { observed <- r.observe(ctx, o) })
	r.follow()
	o.end = time.Now()
	if c.lasts == 0 {
		o.end = r.endTime
	}
	cancel()
	if err := <-observed; err != nil {
		t.Fatal(err)
	}
	outcomes.add(o)
	if !*shapes {
		for _, complaint := range o.complaints() {
			t.Error(complaint)
		}
	}
}

// follow runs the script until the end of the case.
func (r *trial) follow() {
	r.Helper()
	limit := r.c.lasts
	if limit == 0 {
		limit = endTimeout
	}
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for now := time.Duration(0); now < limit; now = time.Since(r.begun) {
		for i := range r.c.script {
			for _, line := range r.c.script[i].next(now, r.dir, r.shm) {
				if !r.do(line) {
					return
				}
			}
		}
		select {
		case <-r.ended:
			r.checkEnd()
			return
		case <-clock.C:
		}
	}
	if r.c.lasts == 0 {
		r.Fatalf("no OOM kill within %v: the case does not work on this machine", endTimeout)
	}
}

// do sends a command. It returns false if the case has ended.
func (r *trial) do(line string) bool {
	r.Helper()
	reply, ok := r.j.Try(line)
	if ok && strings.HasPrefix(reply, "OK ") {
		return true
	}
	select {
	case <-r.ended:
	case <-time.After(time.Second):
		r.Fatalf("%s: %s\n%s", line, reply, r.j.Output())
	}
	r.checkEnd()
	return false
}

// checkEnd fails the test unless the case is meant to end.
func (r *trial) checkEnd() {
	r.Helper()
	if r.c.lasts != 0 {
		r.Fatalf("unexpected end after %v: %s", r.endTime.Sub(r.begun), r.j.Output())
	}
}

// awaitEnd records the time of the OOM kill or of the exit of the JVM.
func (r *trial) awaitEnd(ctx context.Context) {
	clock := time.NewTicker(10 * time.Millisecond)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.j.Exited():
		case <-clock.C:
			if kills, err := oomKills(r.j); err == nil && kills == 0 {
				continue
			} else if err != nil {
				r.Errorf("the number of OOM kills is unknown: %v", err)
			}
		}
		r.endTime = time.Now()
		close(r.ended)
		return
	}
}

func oomKills(j *jvmtest.JVM) (int, error) {
	name := "memory.events"
	if j.CgroupVersion() == 1 {
		name = "memory.oom_control"
	}
	f, err := os.Open(filepath.Join(j.CgroupDir(), name))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, errors.New(name + " has no oom_kill")
}

// observe queries jvmem until the end and keeps the responses.
func (r *trial) observe(ctx context.Context, o *outcome) error {
	clock := time.NewTicker(*interval)
	defer clock.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-r.ended:
			return nil
		case <-clock.C:
		}
		if err := r.query(o, i); err != nil {
			select {
			case <-ctx.Done():
				return nil
			default:
				return err
			}
		}
	}
}

// historyEach is the number of queries after which the history is queried. The last one
// before the end is recorded.
const historyEach = 4

func (r *trial) query(o *outcome, i int) error {
	if err := r.proc.ShowCgroup(r.j.CgroupDir()); err != nil {
		return err
	}
	b, err := r.s.Breakdown()
	if err != nil {
		return err
	}
	if rows := rowsOf(b); rows != nil {
		o.rows = append(o.rows, *rows)
	}
	if *shapes {
		return nil
	}
	d, err := r.s.Diagnosis()
	if err != nil {
		return err
	}
	if len(d.Containers) == 1 {
		o.verdicts = append(o.verdicts, verdictAt{d.Time, d.Containers[0]})
	}
	if *record == "" || i%historyEach != 0 {
		return nil
	}
	history, err := r.s.Get("/history")
	if err == nil && len(d.Containers) == 1 {
		o.history = history
	}
	return err
}

func (r *trial) removeShm() {
	files, err := filepath.Glob(r.shm + "-*")
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		r.Error(err)
	}
}
