package threads

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestIdleThreads: of a pool of 200 threads and more some are looked at, twice.
func TestIdleThreads(t *testing.T) {
	dir := t.TempDir()
	var members []Thread
	stat := func(id, ticks int) {
		folder := filepath.Join(dir, "task", fmt.Sprint(id))
		line := fmt.Sprintf("%d (exec-%d) S 1 1 1 0 -1 0 0 0 0 0 %d 3 0 0 20 0 1 0 99\n", id, id, ticks)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "stat"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 300 {
		members = append(members, Thread{ID: id, Name: fmt.Sprintf("exec-%d", id)})
		stat(id, 7)
	}
	var i Idleness
	pool := Pool{Name: "exec-#", Count: 300, StackBytes: new(int64(1 << 20))}
	begin := time.Now()
	i.look(dir, &pool, members, begin)
	if i.found != nil || len(i.ticks) != idleLooks {
		t.Fatalf("the first look found %+v, at %d threads", i.found, len(i.ticks))
	}
	for id := range 300 {
		switch {
		case id < 60:
			stat(id, 9) // worked
		case id < 120:
			stat(id, 8) // a timer
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "task", "180")); err != nil {
		t.Fatal(err)
	}
	i.look(dir, &pool, members, begin.Add(idleEvery))
	if f := i.found; f == nil || f.Looked != 49 || f.Idle != 39 || f.Threads != 300 || f.Seconds != 300 || *f.StackBytes != 1<<20 {
		t.Errorf("found %+v", f)
	}
}
