package autopsy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestDamagedFile: damage destroys one autopsy, not all of them.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		a := Explain(Death{Time: end.Add(time.Duration(i) * time.Minute), PID: 7, KillsBefore: new(int64(0)), KillsAfter: new(int64(1))}, State{Last: container(nil), LastTime: end})
		if err := s.Add(&a); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, fileName)
	text, err := os.ReadFile(path)
	if err != nil || !json.Valid(text) {
		t.Fatalf("%v:\n%s", err, text)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := func(line, column int) []byte {
		damaged := slices.Clone(lines)
		damaged[line] = bytes.Clone(lines[line])
		damaged[line][column] = '9'
		return bytes.Join(damaged, nil)
	}
	for name, tt := range map[string]struct {
		text []byte
		left int
	}{
		"one byte":    {at(3, 20), 4},
		"a line end":  {at(2, len(lines[2])-1), 4},
		"the head":    {at(0, bytes.Index(lines[0], []byte("autopsies"))), 5},
		"no schema":   {at(0, bytes.Index(lines[0], []byte("jvmem"))), 5},
		"cut short":   {text[:len(text)-300], 4},
		"only a head": {lines[0], 0},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.text, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir)
			if err == nil {
				t.Error("the damage is not reported")
			}
			all := s.Report().Autopsies
			if len(all) != tt.left || tt.left > 0 && all[0].Cause != rows.VerdictUnexplained {
				t.Fatalf("%d autopsies of 5 are left, want %d", len(all), tt.left)
			}
			if err := s.Add(&Autopsy{Time: end}); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(dir); err != nil || len(s.Report().Autopsies) != tt.left+1 {
				t.Errorf("after it was written again: %v", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	a := Explain(Death{Time: end, PID: 7}, State{Last: container(nil), LastTime: end})
	text, err := encode(Report{Schema: Schema, Autopsies: []Autopsy{a, a}, Kills: []Kills{{ContainerName: "app", Cause: rows.VerdictHeap, Count: 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{\"time\":\"2026-11-26T01:50:00Z\"},\n{\"count\":1}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _ := decode(text)
		again, err := encode(r)
		if err != nil || !json.Valid(again) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		for i := range r.Autopsies { // what was accepted can be shown
			_ = r.Autopsies[i].one()
		}
		_ = r.WriteText(new(bytes.Buffer))
	})
}
