package autopsy

import (
	"bytes"
	"encoding/json"
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
	var r Report
	err := json.Unmarshal(text, &r)
	if err == nil && (r.Schema != Schema || r.Autopsies == nil || r.Kills == nil) {
		err = errors.New("not all of its fields are there")
	}
	if err == nil {
		return r, nil
	}
	r = Report{Schema: Schema}
	for line := range bytes.Lines(text) {
		first := func(to any) error { return json.NewDecoder(bytes.NewReader(line)).Decode(to) } // two entries if the line end is damaged
		var a Autopsy
		if first(&a) == nil && !a.Time.IsZero() {
			r.Autopsies = append(r.Autopsies, a)
			continue
		}
		var k Kills
		if first(&k) == nil && k.Count > 0 {
			r.Kills = append(r.Kills, k)
		}
	}
	return r, err
}

// encode writes the report as JSON with a line for each autopsy and each count, so that
// damage destroys one entry only.
func encode(r Report) ([]byte, error) {
	var b bytes.Buffer
	var err error
	marshal := func(v any) {
		text, e := json.Marshal(v)
		b.Write(text)
		err = errors.Join(err, e)
	}
	separator := func(i int) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(`{"schema":`)
	marshal(r.Schema)
	b.WriteString(`,"autopsies":[`)
	for i := range r.Autopsies {
		separator(i)
		marshal(&r.Autopsies[i])
	}
	b.WriteString("\n],\"kills\":[")
	for i := range r.Kills {
		separator(i)
		marshal(&r.Kills[i])
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), err
}

// writeFile replaces the file.
func writeFile(path string, r Report) error {
	text, err := encode(r)
	if err != nil {
		return err
	}
	return statefile.Write(path, text)
}
