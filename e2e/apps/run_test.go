package apps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	pollInterval = 5 * time.Second
	// historyEach is the number of polls after which the history is read again. A sidecar
	// that samples each second keeps the samples of some minutes.
	historyEach = 6
)

func (c *testCase) run(t *testing.T, classes string) {
	courses.start(c.name())
	j, to := c.start(t, classes)
	// As in a pod, the sidecars see only the processes of this container.
	proc := jvmtest.NewPodProc(t, j.PID)
	load := &generator{to: to, rate: c.rate, faults: c.faults, duration: *duration}
	var observed []*course
	var sidecars []*sidecar.Process
	for _, s := range sidecar.Settings() {
		flags := append([]string{"--log-interval", "0", "--evidence", *evidence}, s.Flags...)
		sidecars = append(sidecars, sidecar.Start(t, sidecar.Options{Binary: *binary, Proc: proc, Flags: flags}))
		observed = append(observed, &course{c: c, setting: s.Name})
	}
	begun := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var observers, killer sync.WaitGroup
	killer.Go(func() {
		select {
		case <-ctx.Done():
		case <-j.Exited():
			cancel()
		}
	})
	for i, o := range observed {
		o.begun = begun
		observers.Go(func() {
			if err := o.observe(ctx, sidecars[i]); err != nil {
				t.Errorf("%s: %v", o.setting, err)
			}
		})
	}
	load.run(ctx)
	end := time.Now()
	cancel()
	observers.Wait()
	killer.Wait()
	ended := false
	select {
	case <-j.Exited():
		ended = true
		if !c.leaks() {
			t.Errorf("the server ended after %v: %v\n%s", end.Sub(begun), j.Cmd.ProcessState, j.Output())
		}
	default:
		if err := load.check(); err != nil {
			t.Errorf("the load does not work: %v\n%s", err, j.Output())
		}
	}
	for i, o := range observed {
		o.end, o.ended = end, ended
		if err := o.remember(sidecars[i]); err != nil {
			t.Log(err) // it is read all the time
		}
		if err := o.record(); err != nil {
			t.Error(err)
		}
	}
	courses.add(observed, load.sent.Load())
}

// observe polls a sidecar until the context is done. On a busy machine a request may time
// out; more than a tenth of them is an error.
func (o *course) observe(ctx context.Context, s *sidecar.Process) error {
	clock := time.NewTicker(pollInterval)
	defer clock.Stop()
	missed, last := 0, error(nil)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			if missed*10 > i {
				return fmt.Errorf("%d of %d polls failed: %w", missed, i, last)
			}
			return nil
		case <-s.Exited():
			return errors.New("jvmem exited")
		case <-clock.C:
		}
		if err := o.poll(s, i%historyEach == 0); err != nil && ctx.Err() == nil {
			missed, last = missed+1, err
		}
	}
}

func (o *course) poll(s *sidecar.Process, history bool) error {
	d, err := s.Diagnosis()
	if err != nil {
		return err
	}
	if len(d.Containers) != 1 {
		return nil // the JVM has ended
	}
	o.verdicts = append(o.verdicts, verdictAt{d.Time, d.Containers[0]})
	if history {
		return o.remember(s)
	}
	return nil
}

// remember reads what is new in the history.
func (o *course) remember(s *sidecar.Process) error {
	text, err := s.Get(o.history.query())
	if err != nil {
		return err
	}
	return o.history.add(text)
}

// fileName is a name without spaces and punctuation.
func fileName(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}

// record writes the history to the folder -record, and what it shows to index.md there.
func (o *course) record() (err error) {
	if *record == "" || o.history.last == nil {
		return nil
	}
	name := fileName(o.c.name()+" "+o.setting) + ".json.gz"
	if err := o.history.write(filepath.Join(*record, name)); err != nil {
		return err
	}
	index, err := os.OpenFile(filepath.Join(*record, "index.md"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	end := "the JVM did not end"
	if o.ended {
		end = "the JVM ended at " + o.end.UTC().Format(time.RFC3339)
	}
	_, err = fmt.Fprintf(index, "| %s | %s, %s | %s | %s | %d MiB | %s |\n",
		name, o.c.server.name, o.c.truth(), o.setting, strings.Join(o.c.jvmFlags("DIR"), " "), o.c.limit, end)
	return errors.Join(err, index.Close())
}
