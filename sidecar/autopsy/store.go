package autopsy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Schema names the JSON form. Fields may be added to it, none is renamed.
const Schema = "jvmem.oom/v1"

const (
	// maxAutopsies is how many are kept: an autopsy has some 40 KB.
	maxAutopsies = 16
	maxFileBytes = 8 << 20
	fileName     = "autopsies.json"
)

// Report is the autopsies that are kept, the newest first.
type Report struct {
	Schema    string    `json:"schema"`
	Autopsies []Autopsy `json:"autopsies"`
	// Kills are those of the kernel, counted.
	Kills []Kills `json:"kills"`
}

// Store keeps autopsies. Its methods may be called concurrently.
type Store struct {
	dir string // "": in memory only

	mu sync.Mutex
	// The newest first; a slice is never changed once it was handed out.
	all   []Autopsy
	kills []Kills
}

// Open returns a Store with what the folder holds. The error is about the folder;
// the Store works also with one.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if dir == "" {
		return s, nil
	}
	path := filepath.Join(dir, fileName)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no file", path) // a pipe would be read for ever
	}
	if err != nil {
		return s, fmt.Errorf("read the autopsies: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("read the autopsies: %w", err)
	}
	defer file.Close()
	var r Report
	if err := json.NewDecoder(io.LimitReader(file, maxFileBytes)).Decode(&r); err != nil {
		return s, fmt.Errorf("read the autopsies: %s: %w", file.Name(), err)
	}
	s.all, s.kills = r.Autopsies[:min(len(r.Autopsies), maxAutopsies)], r.Kills
	return s, nil
}

// Add keeps an autopsy. The error is about the folder; it is kept in memory all
// the same.
func (s *Store) Add(a *Autopsy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append([]Autopsy{*a}, s.all[:min(len(s.all), maxAutopsies-1)]...)
	s.kills = count(s.kills, s.all)
	return s.save()
}

// Seen tells of the JVMs that run: the end of the one before in the same container,
// or in one of the same name, was followed by a restart.
func (s *Store) Seen(at time.Time, c *breakdown.Container) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(a Autopsy) bool { return c.Succeeds(a.identity()) })
	if i < 0 || s.all[i].RestartedAt != nil || s.all[i].Kind == OOMKillOther || s.all[i].runs(c) {
		return nil
	}
	s.all = slices.Clone(s.all)
	s.all[i].RestartedAt = new(at.UTC())
	return s.save()
}

// identity is what the container is known by.
func (a *Autopsy) identity() rows.Identity {
	of := rows.Identity{ID: a.ContainerID, Name: a.ContainerName}
	if a.Last != nil {
		of.Cgroup, of.CgroupVersion = a.Last.Cgroup, a.Last.CgroupVersion
	}
	return of
}

// runs reports whether the JVM is one of the container's: it was seen a moment
// before its end.
func (a *Autopsy) runs(c *breakdown.Container) bool {
	return slices.ContainsFunc(c.JVMs, func(j breakdown.JVM) bool { return j.PID == a.PID && j.StartTicks == a.StartTicks })
}

// save writes a new file and puts it in the place of the old one: a crash, or a full
// disk, leaves the old one.
func (s *Store) save() error {
	if s.dir == "" {
		return nil
	}
	text, err := json.Marshal(Report{Schema, s.all, s.kills})
	if err == nil {
		err = replaceFile(filepath.Join(s.dir, fileName), text)
	}
	if err != nil {
		return fmt.Errorf("write the autopsies: %w", err)
	}
	return nil
}

func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), fileName+"-")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// Report returns all that is kept.
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
		b.WriteString("no JVM has ended since jvmem observes\n")
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
