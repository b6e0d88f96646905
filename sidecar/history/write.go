package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
)

// WriteJSON writes the document in the form of Schema, a series at a time: there is no
// second copy in memory while a client reads slowly.
func (d *Document) WriteJSON(w io.Writer) error {
	p := pieces{w: bufio.NewWriter(w)}
	head := *d
	head.Containers = []*Container{}
	p.around(head, "]}\n", len(d.Containers), func(i int) {
		c := *d.Containers[i]
		c.Tracks = []*Track{}
		p.around(c, "]}", len(d.Containers[i].Tracks), func(k int) { p.track(d.Containers[i].Tracks[k]) })
	})
	return p.flush()
}

func (p *pieces) track(t *Track) {
	head := *t
	head.Series = map[string]*Column{}
	names := slices.Sorted(maps.Keys(t.Series))
	p.around(head, "}}", len(names), func(i int) {
		p.write(p.marshal(names[i]))
		p.write([]byte(":"))
		p.write(p.marshal(t.Series[names[i]]))
	})
}

// pieces writes JSON in pieces, up to the first error.
type pieces struct {
	w   *bufio.Writer
	err error
}

// around writes an object whose last field is empty, with n elements in that field; tail
// ends both.
func (p *pieces) around(object any, tail string, n int, element func(int)) {
	p.write(bytes.TrimSuffix(p.marshal(object), bytes.TrimSpace([]byte(tail))))
	for i := 0; i < n && p.err == nil; i++ {
		if i > 0 {
			p.write([]byte(","))
		}
		element(i)
	}
	p.write([]byte(tail))
}

func (p *pieces) marshal(v any) []byte {
	text, err := json.Marshal(v)
	if p.err == nil {
		p.err = err
	}
	return text
}

func (p *pieces) write(text []byte) {
	if p.err == nil {
		_, p.err = p.w.Write(text)
	}
}

func (p *pieces) flush() error {
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}
