package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// TestOpenManyContainers: a JVM that is killed over and over leaves more containers in
// the folder than the store has room for. Those seen last are kept.
func TestOpenManyContainers(t *testing.T) {
	const many = maxContainers + 5
	o := Options{Retention: 24 * time.Hour, Dir: t.TempDir()}
	at := time.Now().Add(-many * 5 * time.Minute)
	s := open(t, o)
	for i := range many {
		for range 30 { // more than a step
			r := report(at, int64(i))
			r.Containers[0].ID = fmt.Sprint("restart ", i)
			at = at.Add(10 * time.Second)
			add(t, s, r)
		}
	}
	// The first one is seen again.
	again := report(at, 1)
	again.Containers[0].ID = "restart 0"
	add(t, s, again)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, o)
	var want, got []string
	for i := many - maxContainers + 1; i < many; i++ {
		want = append(want, fmt.Sprint("restart ", i))
	}
	want = append(want, "restart 0")
	for _, c := range s.Document(time.Time{}, 0).Containers {
		got = append(got, c.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("kept: %q\nwant %q", got, want)
	}
	// With the next sample they make room.
	again.Time = at.Add(10 * time.Second)
	add(t, s, again)
	last := s.containers[len(s.containers)-1]
	if n := len(s.containers); n != maxEnded+1 || last.ID != "restart 0" || last.coarse().most != coarsePoints/n {
		t.Errorf("%d containers, the last %s with room for %d steps", n, last.ID, last.coarse().most)
	}
}

// TestEndedMakeRoom: a container that runs is not left out for one that ended.
func TestEndedMakeRoom(t *testing.T) {
	s := open(t, Options{Retention: time.Hour})
	for i := range maxEnded {
		r := report(start.Add(time.Duration(i)*time.Second), 1)
		r.Containers[0].ID = fmt.Sprint("ended ", i)
		add(t, s, r)
	}
	r := report(start.Add(time.Minute), 1)
	for i := range maxContainers - 1 {
		c := r.Containers[0]
		c.ID = fmt.Sprint("runs ", i)
		r.Containers = append(r.Containers, c)
	}
	add(t, s, r)
	for i := range r.Containers {
		if !slices.ContainsFunc(s.containers, func(c *Container) bool { return c.Same(r.Containers[i].Identity) }) {
			t.Errorf("%s is left out", r.Containers[i].ID)
		}
	}
}

// TestWriteErrorStays: an error about one container is returned although the next one
// is written, until that container is written again.
func TestWriteErrorStays(t *testing.T) {
	two := func(at time.Time) *breakdown.Report {
		r := report(at, 1)
		r.Containers = append(r.Containers, r.Containers[0])
		r.Containers[1].ID = "other"
		return r
	}
	// failing has two containers. The first write fails, the second begins a new file.
	failing := func() *Store {
		s := open(t, Options{Retention: 24 * time.Hour, Dir: t.TempDir()})
		add(t, s, two(start))
		closed, err := os.Create(filepath.Join(t.TempDir(), "closed"))
		if err = errors.Join(err, closed.Close()); err != nil {
			t.Fatal(err)
		}
		s.disk.file = closed
		return s
	}
	if err := failing().Close(); err == nil {
		t.Error("Close: the error is lost")
	}
	s := failing()
	if err := s.Add(two(start.Add(time.Hour))); err == nil {
		t.Error("Add: the error is lost")
	}
	if err := s.Add(two(start.Add(time.Hour + time.Second))); err == nil {
		t.Error("Add without a write: the error is lost")
	}
	if err := s.Add(two(start.Add(2 * time.Hour))); err != nil {
		t.Errorf("written again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
