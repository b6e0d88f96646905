package sidecar

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// TestMaxCPU: with next to no CPU there is one sample, and then light readings. They are
// shown beside the rows, one log line has the reason, and the end of the JVM is still
// explained and reported.
func TestMaxCPU(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m", "-Xms32m", "-XX:+AlwaysPreTouch"}})
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond, MaxCPU: 1e-8}, j)
	report := func() (r breakdown.Report) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.get(t, "/breakdown")), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := report()
	j.Do("unsafe 8") // less than what is urgent
	j.Do("threads 5 8")
	var last breakdown.Report
	s.await(t, "the growth is reported", func() bool {
		last = report()
		now := last.Containers[0].Reading
		return now != nil && now.UsageBytes != nil && *now.UsageBytes > *last.Containers[0].UsageBytes+7*mib && now.ThreadsLive != nil && *now.ThreadsLive > int64(last.Containers[0].JVMs[0].Threads.Live)
	})
	if !last.Time.Equal(first.Time) || *last.Containers[0].UsageBytes != *first.Containers[0].UsageBytes {
		t.Errorf("sampled at %v and %v", first.Time, last.Time)
	}
	s.await(t, "the reason is logged", func() bool { return strings.Contains(s.log.text(), "--max-cpu") })
	if metrics := s.get(t, "/metrics"); !strings.Contains(metrics, "\njvmem_sample_interval_seconds ") || !strings.Contains(metrics, "\njvmem_cpu_ratio ") || !strings.Contains(metrics, "\njvmem_max_cpu_ratio 1e-08\n") {
		t.Error(metrics)
	}
	j.Send("exit")
	<-j.Exited()
	if a := s.awaitAutopsy(t); a.Kind != autopsy.Exit || a.Before == nil || a.Before.Sampled(0) != 0 {
		t.Errorf("%s, before it %+v", a.Summary, a.Before)
	}
	s.await(t, "the end is seen", func() bool { return len(report().Containers) == 0 })
	if n := strings.Count(s.log.text(), "--max-cpu"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestStill: while nothing moves, most intervals have no sample; what moves is sampled at once.
func TestStill(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{LimitBytes: 256 * mib, JVMFlags: []string{"-Xmx32m", "-Xms32m", "-XX:+AlwaysPreTouch", "-Xint"}})
	s := serveFor(t, ServeOptions{Interval: 100 * time.Millisecond}, j)
	report := func() (r breakdown.Report) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.get(t, "/breakdown")), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	s.await(t, "samples become rare, readings do not", func() bool {
		r := report()
		now := r.Containers[0].Reading
		return now != nil && now.Time.Sub(r.Time) > stillFor/2
	})
	before := report()
	j.Do("unsafe 8")
	s.await(t, "the rows have the growth", func() bool {
		return *report().Containers[0].UsageBytes > *before.Containers[0].UsageBytes+7*mib
	})
}
