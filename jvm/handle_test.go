package jvm

import (
	"encoding/json"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/proc"
)

// TestHandle learns how JVMs end, and their final counters, after their
// Process was closed.
func TestHandle(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*jvmtest.JVM)
		code int
		by   syscall.Signal
	}{
		{"exit", func(j *jvmtest.JVM) { j.Send("exit") }, 0, 0},
		{"SIGTERM", func(j *jvmtest.JVM) { _ = syscall.Kill(j.PID, syscall.SIGTERM) }, 143, 0},
		{"SIGKILL", func(j *jvmtest.JVM) { _ = syscall.Kill(j.PID, syscall.SIGKILL) }, 0, syscall.SIGKILL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx64m"}})
			p, err := Open("/proc", j.PID)
			if err != nil {
				t.Fatal(err)
			}
			h, err := OpenHandle("/proc", j.PID, p.Status().StartTicks)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			j.Do("threads 7 64")
			j.Do("threadfree")
			used := jvmtest.Numbers(j.Do("gc"))["heap_used_bytes"]
			waited := make(chan error)
			go func() { waited <- h.Wait(t.Context()) }()
			tt.end(j)
			if err := <-waited; err != nil {
				t.Fatal(err)
			}
			exit := h.Exit(t.Context())
			if exit == nil && !jvmtest.KernelAtLeast(t, 6, 15) {
				exit = &proc.Exit{Code: &tt.code} // reaped before it could be read
			}
			if exit == nil || (exit.Code == nil) == (exit.Signal == nil) ||
				exit.Code != nil && *exit.Code != tt.code || exit.Signal != nil && *exit.Signal != tt.by {
				t.Errorf("exit %+v", exit)
			}
			<-j.Exited()
			w := h.FinalCounters()
			if w == nil || w.HeapUsedBytes == nil || w.HeapCommittedBytes == nil || w.ThreadsPeak == nil || w.ThreadsLive == nil || w.Classes == nil || len(w.Collections) == 0 {
				t.Fatalf("final counters %+v", w)
			}
			if diff := *w.HeapUsedBytes - used; diff < -2<<20 || diff > 2<<20 || *w.HeapCommittedBytes > 64<<20 || *w.HeapCommittedBytes < used ||
				*w.ThreadsPeak < 8 || *w.ThreadsStarted < *w.ThreadsPeak || *w.Classes < 300 || *w.MetaspaceUsedBytes < 100<<10 {
				text, err := json.Marshal(w)
				t.Errorf("final counters %s, %v; used before %d", text, err, used)
			}
			var collections int64
			for _, c := range w.Collections {
				collections += *c.Count
			}
			if collections < 1 {
				t.Errorf("collections %+v", w.Collections)
			}
		})
	}
}
