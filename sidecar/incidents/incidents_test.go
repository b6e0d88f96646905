package incidents

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func incident(v rows.Verdict, s diagnosis.State) diagnosis.Incident {
	return diagnosis.Incident{Verdict: v, State: s, Opened: start, Measure: "threads", Gained: 80}
}

// TestChanges: each change of state is reported once, and the same state again never.
func TestChanges(t *testing.T) {
	list := func(states ...diagnosis.State) (all []diagnosis.Incident) {
		for i, s := range states {
			all = append(all, incident([]rows.Verdict{rows.VerdictThreads, rows.VerdictHeap}[i], s))
		}
		return all
	}
	const suspected, confirmed, paused, closed = diagnosis.Suspected, diagnosis.Confirmed, diagnosis.Paused, diagnosis.Closed
	for name, c := range map[string]struct {
		before, after []diagnosis.Incident
		want          []Action
	}{
		"nothing":                     {nil, nil, nil},
		"the first suspicion":         {nil, list(suspected), []Action{Opened}},
		"confirmed":                   {list(suspected), list(confirmed), []Action{Confirmed}},
		"confirmed at once":           {nil, list(confirmed), []Action{Confirmed}},
		"no change":                   {list(paused, confirmed), list(paused, confirmed), nil},
		"growth pauses":               {list(confirmed), list(paused), []Action{Paused}},
		"growth goes on":              {list(paused), list(confirmed), []Action{Resumed}},
		"closed":                      {list(paused), list(closed), []Action{Closed}},
		"closed, not reported before": {nil, list(closed), nil},
		"two at a time":               {list(suspected, paused), list(confirmed, closed), []Action{Confirmed, Closed}},
		"the JVM ended":               {list(confirmed, closed), nil, []Action{Closed}},
		"another one of this verdict": {list(closed), append(list(closed), diagnosis.Incident{Verdict: rows.VerdictThreads, State: suspected, Opened: start.Add(time.Hour)}), []Action{Opened}},
	} {
		t.Run(name, func(t *testing.T) {
			now := start.Add(2 * time.Hour)
			var got []Action
			for _, change := range Changes(c.before, c.after, now) {
				got = append(got, change.Action)
				if (change.Action == Closed) != (change.Incident.State == closed) {
					t.Errorf("%s is %s", change.Action, change.Incident.State)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

var app = rows.Identity{ID: "3f4c", Name: "app", Cgroup: "/kubepods/app", CgroupVersion: 2}

func kept() Container {
	return Container{app, diagnosis.Tracker{Incidents: []diagnosis.Incident{incident(rows.VerdictThreads, diagnosis.Paused)}, Generation: 77}}
}

// TestRestart: what was saved is there after a restart, for the same container only.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(start, true, []Container{{Identity: rows.Identity{ID: "none"}}, kept()}); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Tracker(app), kept().Tracker; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, other := range []rows.Identity{app, {ID: "none"}, {ID: "77aa", Name: "app", Cgroup: app.Cgroup, CgroupVersion: 2}} {
		if got := s.Tracker(other); len(got.Incidents) > 0 || got.Generation != 0 {
			t.Errorf("%s has %+v", other.ID, got)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v %v: want the file alone", files, err)
	}
}

// TestSaveIsRare: without a change of state the file is written once a minute, and not at
// all without incidents.
func TestSaveIsRare(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	save := func(after time.Duration, changed bool, all ...Container) bool {
		t.Helper()
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := s.Save(start.Add(after), changed, all); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(path)
		return err == nil
	}
	if save(0, false) {
		t.Error("written without an incident")
	}
	if !save(time.Second, true, kept()) || save(2*time.Second, false, kept()) || !save(2*time.Minute, false, kept()) {
		t.Error("not written at a change, or a minute later, or in between")
	}
	if !save(3*time.Minute, true) {
		t.Error("the last incident ended, and is still in the file")
	}
}

// TestDamagedFile: it is reported, a container that can be read is kept, and the next change
// replaces the file.
func TestDamagedFile(t *testing.T) {
	other := kept()
	other.ID, other.Cgroup = "77aa", "/kubepods/other"
	intact, err := encode([]Container{kept(), other})
	if err != nil || !json.Valid(intact) {
		t.Fatalf("%v:\n%s", err, intact)
	}
	both := string(intact)
	for name, tt := range map[string]struct {
		text        string
		first, last bool // is kept
	}{
		"one byte":       {strings.Replace(both, `"incidents"`, `"incidents9`, 1), false, true},
		"a line end":     {strings.Replace(both, ",\n", ",9", 1), true, false},
		"the schema":     {strings.Replace(both, "jvmem", "jvmen", 1), true, true},
		"the head":       {strings.Replace(both, `"containers"`, `"containers9`, 1), true, true},
		"cut short":      {both[:len(both)-20], true, false},
		"no JSON":        {"\x00\x01", false, false},
		"empty":          {"", false, false},
		"another schema": {`{"schema":"jvmem.oom/v1"}`, false, false},
		"another type":   {`{"schema":"jvmem.incidents/v1","containers":[{"id":"3f4c","incidents":7}]}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileName), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), fileName) {
				t.Errorf("error %v", err)
			}
			if first, last := len(s.Tracker(app).Incidents) > 0, len(s.Tracker(other.Identity).Incidents) > 0; first != tt.first || last != tt.last {
				t.Errorf("kept: the first %t, the last %t; want %t, %t", first, last, tt.first, tt.last)
			}
			if err := s.Save(start, true, []Container{kept()}); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(dir); err != nil || len(s.Tracker(app).Incidents) != 1 {
				t.Errorf("after it was written again: %v", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	text, err := encode([]Container{kept(), kept()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{\"incidents\":[{}]},\n{\"id\":\"3f4c\",\"incidents\":[{\"verdict\":\"heap\"}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, _ := decode(text)
		written, err := encode(d.Containers)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := decode(written)
		if err != nil || len(again.Containers) != len(d.Containers) {
			t.Fatalf("%d containers of %d are read back: %v", len(again.Containers), len(d.Containers), err)
		}
		for _, c := range d.Containers { // what was accepted can be reported
			Changes(c.Incidents, nil, start)
		}
	})
}

// TestNoFolder: nothing is kept, and nothing fails.
func TestNoFolder(t *testing.T) {
	s, err := Open("")
	if err == nil {
		err = s.Save(start, true, []Container{kept()})
	}
	if err != nil || len(s.Tracker(app).Incidents) > 0 {
		t.Error(err)
	}
}
