package autopsy

import (
	"reflect"
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestKills: kills are counted beyond the autopsies that are kept and beyond a restart
// of jvmem; other ends are not, and a container that is forgotten is no more counted.
func TestKills(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(times int, a Autopsy) {
		t.Helper()
		for range times {
			if err := s.Add(&a); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(1, Autopsy{Kind: OOMKill, ContainerID: "gone", Cause: rows.VerdictHeap})
	add(maxAutopsies, Autopsy{Kind: OOMKill, ContainerID: "3f", ContainerName: "app", Cause: rows.VerdictHeap})
	add(2, Autopsy{Kind: OOMKillOther, ContainerID: "4a", ContainerName: "app", Cause: rows.VerdictHeap})
	handed := s.Report().Kills
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	add(1, Autopsy{Kind: OOMKill, ContainerID: "4a", ContainerName: "app", Cause: rows.VerdictThreads})
	for _, kind := range []Kind{JavaOutOfMemory, Signal, Exit, Ended} {
		add(1, Autopsy{Kind: kind, ContainerName: "app", Cause: rows.VerdictHeap})
	}
	add(1, Autopsy{Kind: OOMKill, Last: &breakdown.Container{Identity: rows.Identity{Cgroup: "/app.service"}}, Cause: rows.VerdictBudget})
	want := []Kills{
		{ContainerName: "app", Cause: rows.VerdictHeap, Count: maxAutopsies + 2},
		{ContainerName: "app", Cause: rows.VerdictThreads, Count: 1},
		{Cgroup: "/app.service", Cause: rows.VerdictBudget, Count: 1},
	}
	if got := s.Report().Kills; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for of, want := range map[rows.Identity]int64{
		{Name: "app", ID: "of a later one"}: maxAutopsies + 3, {ID: "3f"}: 0, {Cgroup: "/app.service"}: 1, {}: 0,
	} {
		if got := s.Report().In(of); got != want {
			t.Errorf("%d kills in %+v, want %d", got, of, want)
		}
	}
	if len(handed) != 1 || handed[0].Count != maxAutopsies+2 {
		t.Errorf("what was handed out was changed: %+v", handed)
	}
}
