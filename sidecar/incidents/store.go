package incidents

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/statefile"
)

// Schema is the version of the file.
const Schema = "jvmem.incidents/v1"

const (
	fileName = "incidents.json"
	// saveInterval is how often the file is written while no state changes.
	saveInterval = time.Minute
)

// Container has the incidents of a container.
type Container struct {
	rows.Identity
	diagnosis.Tracker
}

type document struct {
	Schema     string      `json:"schema"`
	Containers []Container `json:"containers"`
}

// Store is the file with the incidents.
type Store struct {
	path  string // "": nothing is kept
	kept  []Container
	saved time.Time
}

// Open reads the file in the folder. The error is about the file: it is damaged, and only the
// containers that can be read are kept. The Store works in any case.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return &Store{}, nil
	}
	s := &Store{path: filepath.Join(dir, fileName)}
	text, err := statefile.Read(s.path)
	if err != nil || text == nil {
		return s, err
	}
	d, err := decode(text)
	if err != nil {
		err = fmt.Errorf("%s is damaged, the incidents of %d containers can be read: %w", s.path, len(d.Containers), err)
	}
	s.kept = d.Containers
	return s, err
}

func decode(text []byte) (document, error) {
	complete := func(d *document) error {
		if d.Schema != Schema {
			return fmt.Errorf("the schema is %.40q, want %q", d.Schema, Schema)
		}
		return nil
	}
	return statefile.Decode(text, complete, func(d *document, decode func(any) error) {
		var c Container
		if decode(&c) == nil && len(c.Incidents) > 0 {
			d.Containers = append(d.Containers, c)
		}
	})
}

func encode(all []Container) ([]byte, error) {
	return statefile.Encode(Schema, statefile.NewList("containers", all))
}

// Tracker returns what was kept of a container before jvmem started, once: later it is out
// of date.
func (s *Store) Tracker(c rows.Identity) diagnosis.Tracker {
	i := slices.IndexFunc(s.kept, func(k Container) bool { return k.Same(c) })
	if i < 0 {
		return diagnosis.Tracker{}
	}
	found := s.kept[i].Tracker
	s.kept = slices.Delete(s.kept, i, i+1)
	return found
}

// Save writes the containers that have incidents, if a state changed or the file is old.
func (s *Store) Save(at time.Time, changed bool, all []Container) error {
	if s.path == "" || !changed && at.Sub(s.saved).Abs() < saveInterval {
		return nil
	}
	all = slices.DeleteFunc(slices.Clone(all), func(c Container) bool { return len(c.Incidents) == 0 })
	if len(all) == 0 && !changed {
		return nil
	}
	text, err := encode(all)
	if err == nil {
		err = statefile.Write(s.path, text)
	}
	if err != nil {
		return fmt.Errorf("write the incidents: %w", err)
	}
	s.saved = at
	return nil
}
