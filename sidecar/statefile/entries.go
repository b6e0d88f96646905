package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// List is a field of an object: an array.
type List struct {
	name    string
	entries []any // pointers to them
}

// NewList returns the List with the entries.
func NewList[T any](name string, entries []T) List {
	l := List{name, make([]any, len(entries))}
	for i := range entries {
		l.entries[i] = &entries[i]
	}
	return l
}

// Encode returns a JSON object with the schema and the lists. Each entry has a line of its own,
// so that damage destroys one entry only.
func Encode(schema string, lists ...List) ([]byte, error) {
	var b bytes.Buffer
	var err error
	marshal := func(v any) {
		text, e := json.Marshal(v)
		b.Write(text)
		err = errors.Join(err, e)
	}
	b.WriteString(`{"schema":`)
	marshal(schema)
	for _, l := range lists {
		fmt.Fprintf(&b, ",%q:[", l.name)
		for i, entry := range l.entries {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
			marshal(entry)
		}
		b.WriteString("\n]")
	}
	b.WriteString("}\n")
	return b.Bytes(), err
}

// Decode decodes what Encode returned. complete returns what is wrong with the decoded object, or
// nil. If the text is damaged, Decode returns an error and the object that add fills: it is
// called for each line, with a function that decodes the first JSON value of the line.
func Decode[D any](text []byte, complete func(*D) error, add func(d *D, decode func(to any) error)) (D, error) {
	var d D
	err := json.Unmarshal(text, &d)
	if err == nil {
		err = complete(&d)
	}
	if err == nil {
		return d, nil
	}
	d = *new(D)
	for line := range bytes.Lines(text) {
		// A line has two entries if its end is damaged.
		add(&d, func(to any) error { return json.NewDecoder(bytes.NewReader(line)).Decode(to) })
	}
	return d, err
}
