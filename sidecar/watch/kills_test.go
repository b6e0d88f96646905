package watch

import (
	"testing"
	"time"

	"github.com/jvmem/jvmem/cgroup"
)

func TestKills(t *testing.T) {
	at := time.Now()
	after := func(d time.Duration) time.Time { return at.Add(d) }
	first, second := &cgroup.Reading{Time: at}, &cgroup.Reading{Time: after(time.Second)}

	var k kills
	k.see(nil, at, nil)
	if k.before != nil || k.end() || k.settled(after(time.Hour)) {
		t.Errorf("unknown: %+v", k)
	}
	k.see(new(int64(3)), at, nil) // of a JVM that ended long ago
	if number(k.before) != "3" || !k.since.IsZero() {
		t.Errorf("seen first: %+v", k)
	}
	k.see(new(int64(4)), after(time.Second), first)
	k.see(new(int64(5)), after(2*time.Second), second)
	k.see(nil, after(2*time.Second), second) // gone
	if number(k.before) != "3" || number(k.now) != "5" || k.last != first || k.settled(after(time.Second)) || k.settled(after(3*time.Second)) || !k.settled(after(4*time.Second)) {
		t.Errorf("risen: %+v", k)
	}
	if !k.end() || !k.ended {
		t.Errorf("a JVM ended: %+v", k)
	}
	k.settle()
	if number(k.before) != "5" || k.ended || k.end() || k.settled(after(time.Hour)) {
		t.Errorf("settled: %+v", k)
	}
}
