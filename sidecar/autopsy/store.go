package autopsy

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// Schema is the version of the JSON form. Fields may be added, none is renamed.
const Schema = "jvmem.oom/v1"

const (
	// maxAutopsies bounds the number that is kept. One takes some 40 KB.
	maxAutopsies = 16
	fileName     = "autopsies.json"
)

// Report holds the stored autopsies, the newest first.
type Report struct {
	Schema    string    `json:"schema"`
	Autopsies []Autopsy `json:"autopsies"`
	// Kills counts the OOM kills.
	Kills []Kills `json:"kills"`
}

// Store keeps autopsies. Its methods may be called concurrently.
type Store struct {
	dir string // "": in memory only

	mu sync.Mutex
	// The newest first. A slice that was returned is never modified.
	all   []Autopsy
	kills []Kills
}

// Open returns a Store with what the folder holds. The error is about the folder; the
// Store works in any case.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if dir == "" {
		return s, nil
	}
	r, err := readFile(filepath.Join(dir, fileName))
	if err != nil {
		err = fmt.Errorf("read the autopsies: %w", err)
	}
	s.all, s.kills = r.Autopsies[:min(len(r.Autopsies), maxAutopsies)], r.Kills
	return s, err
}

// Add keeps an autopsy, in memory also if it returns an error about the folder.
func (s *Store) Add(a *Autopsy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append([]Autopsy{*a}, s.all[:min(len(s.all), maxAutopsies-1)]...)
	s.kills = count(s.kills, s.all)
	return s.save()
}

// Seen takes a container whose JVMs are running. If the latest end in it, before a
// restart, has no successor yet, this is it.
func (s *Store) Seen(at time.Time, c *breakdown.Container) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(a Autopsy) bool { return c.Succeeds(a.Identity()) })
	if i < 0 || s.all[i].RestartedAt != nil || s.all[i].Kind == OOMKillOther || !s.all[i].followed(c) {
		return nil
	}
	s.all = slices.Clone(s.all)
	s.all[i].RestartedAt = new(at.UTC())
	return s.save()
}

// followed reports whether a JVM is in the container that was not there before the end: neither the
// one that ended, which was observed just before, nor another one that ran beside it.
func (a *Autopsy) followed(c *breakdown.Container) bool {
	ran := []breakdown.JVM{{PID: a.PID, StartTicks: a.StartTicks}}
	if a.Last != nil {
		ran = append(ran, a.Last.JVMs...)
	}
	return slices.ContainsFunc(c.JVMs, func(j breakdown.JVM) bool {
		return !slices.ContainsFunc(ran, func(r breakdown.JVM) bool { return r.PID == j.PID && r.StartTicks == j.StartTicks })
	})
}

func (s *Store) save() error {
	if s.dir == "" {
		return nil
	}
	if err := writeFile(filepath.Join(s.dir, fileName), Report{Schema, s.all, s.kills}); err != nil {
		return fmt.Errorf("write the autopsies: %w", err)
	}
	return nil
}

// Report returns all stored autopsies and kills.
func (s *Store) Report() *Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Report{Schema: Schema, Autopsies: s.all, Kills: s.kills}
	if r.Autopsies == nil {
		r.Autopsies = []Autopsy{}
	}
	if r.Kills == nil {
		r.Kills = []Kills{}
	}
	return r
}

// WriteJSON writes the report in the form of Schema.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	if len(r.Autopsies) == 0 {
		b.WriteString("no JVM has ended since jvmem started\n")
	}
	for i := range r.Autopsies {
		if i > 0 {
			b.WriteString("\n")
		}
		r.Autopsies[i].writeText(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
