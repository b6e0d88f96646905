package autopsy

import (
	"errors"
	"fmt"

	"github.com/jvmem/jvmem/sidecar/statefile"
)

// readFile reads a file that writeFile wrote. A missing file is an empty one. Of a
// damaged one it returns the autopsies that can be read, and an error.
func readFile(path string) (Report, error) {
	text, err := statefile.Read(path)
	if err != nil || text == nil {
		return Report{}, err
	}
	r, err := decode(text)
	if err != nil {
		err = fmt.Errorf("%s is damaged, %d autopsies can be read: %w", path, len(r.Autopsies), err)
	}
	return r, err
}

func decode(text []byte) (Report, error) {
	complete := func(r *Report) error {
		if r.Schema != Schema || r.Autopsies == nil || r.Kills == nil {
			return errors.New("not all of its fields are there")
		}
		return nil
	}
	return statefile.Decode(text, complete, func(r *Report, decode func(any) error) {
		var a Autopsy
		if decode(&a) == nil && !a.Time.IsZero() {
			r.Autopsies = append(r.Autopsies, a)
			return
		}
		var k Kills
		if decode(&k) == nil && k.Count > 0 {
			r.Kills = append(r.Kills, k)
		}
	})
}

func encode(r Report) ([]byte, error) {
	return statefile.Encode(Schema, statefile.NewList("autopsies", r.Autopsies), statefile.NewList("kills", r.Kills))
}

// writeFile replaces the file.
func writeFile(path string, r Report) error {
	text, err := encode(r)
	if err != nil {
		return err
	}
	return statefile.Write(path, text)
}
