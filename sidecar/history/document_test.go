package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestEarlierNames: documents and state files that were written before two series were
// renamed have the present names after reading.
func TestEarlierNames(t *testing.T) {
	d, err := Read(strings.NewReader(`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[1,2],"series":{"firm":{"last":[7,8]},"epoch":{"last":[5,null]}}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	check := func(c *Container) {
		t.Helper()
		if got := c.Names(""); len(got) != 2 || got[0] != JVMGeneration || got[1] != Unreclaimable {
			t.Errorf("series %q", got)
		}
		if p := c.Tracks[0].Series[Unreclaimable].At(0); p.Last != 7 {
			t.Errorf("unreclaimable %v", p)
		}
	}
	check(d.Containers[0])
	if c := d.Containers[0]; c.Tracks[0].Sampled(1) != 0 {
		t.Errorf("step 1 is of sample %d", c.Tracks[0].Sampled(1))
	}

	dir := t.TempDir()
	text := fmt.Sprintf(`{"id":"a","time_unix_ms":%d,"series":{"firm":[7,7,7],"epoch":[5,5,5]}}`+"\n", time.Now().UnixMilli())
	if err := os.WriteFile(filepath.Join(dir, "history-00000001.jsonl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Retention: time.Hour, Dir: dir}).Document(time.Time{}, 0).Containers[0])
}

// TestSeveralJVMs: of several JVMs each has series of its own, of one it has none.
func TestSeveralJVMs(t *testing.T) {
	s := open(t, Options{Retention: time.Hour})
	r := report(start, 400)
	add(t, s, r)
	if c := s.Document(time.Time{}, 0).Containers[0]; len(c.Names("jvm/")) != 0 {
		t.Errorf("one JVM: %v", c.Names("jvm/"))
	}
	r = report(start.Add(time.Minute), 400)
	other := r.Containers[0].JVMs[0]
	other.PID, other.OldGeneration, other.Heap = 8, &jvm.Old{UsedBytes: 30, Collections: new(int64(2))}, &jvm.Usage{UsedBytes: new(int64(70)), CommittedBytes: new(int64(90))}
	r.Containers[0].JVMs = append(r.Containers[0].JVMs, other)
	add(t, s, r)
	c := s.Document(time.Time{}, 0).Containers[0]
	one := c.JVM(&c.JVMs[1])
	for name, want := range map[string]int64{OldUsed: 30, OldCollections: 2, Used(rows.Heap): 70, Committed(rows.Heap): 90} {
		if got := one.Latest(name); got == nil || *got != want {
			t.Errorf("%s of one: %v", name, got)
		}
	}
	if got := c.Latest(OldUsed); got == nil || *got != 130 {
		t.Errorf("of both: %v", got)
	}
	if one.Latest(Usage) != nil || len(one.JVMs) != 1 || one.JVMs[0].PID != 8 {
		t.Errorf("%+v", one.JVMs)
	}
}
