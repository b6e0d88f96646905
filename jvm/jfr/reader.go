package jfr

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrSecret is returned if an event type is asked for that can hold a secret.
var ErrSecret = errors.New("jfr: events of this type can hold secrets")

// secrets are the event types with command lines, environments, options, messages, paths, host names
// or keys.
var secrets = map[string]bool{
	"jdk.InitialSystemProperty":        true,
	"jdk.InitialEnvironmentVariable":   true,
	"jdk.InitialSecurityProperty":      true,
	"jdk.JVMInformation":               true,
	"jdk.JavaAgent":                    true,
	"jdk.NativeAgent":                  true,
	"jdk.SystemProcess":                true,
	"jdk.ProcessStart":                 true,
	"jdk.StringFlag":                   true,
	"jdk.StringFlagChanged":            true,
	"jdk.SecurityPropertyModification": true,
	"jdk.X509Certificate":              true,
	"jdk.X509Validation":               true,
	"jdk.TLSHandshake":                 true,
	"jdk.JavaExceptionThrow":           true,
	"jdk.JavaErrorThrow":               true,
	"jdk.SocketRead":                   true,
	"jdk.SocketWrite":                  true,
	"jdk.SocketConnect":                true,
	"jdk.FileRead":                     true,
	"jdk.FileWrite":                    true,
	"jdk.FileForce":                    true,
	"jdk.ThreadDump":                   true,
	"jdk.ActiveSetting":                true,
	"jdk.ActiveRecording":              true,
	"jdk.DumpReason":                   true,
}

// Budget bounds what a Reader does for one file. A zero field means its default.
type Budget struct {
	// Work is the number of values and records to visit; default 20 million, about half a second.
	Work int64
	// PoolBytes is the size of the metadata and of the checkpoints of a chunk, which are
	// kept in memory; default 16 MiB each.
	PoolBytes int64
}

// Event is an event of a wanted type. It is valid until the next call of Reader.Next.
type Event struct {
	Value
	// Chunk it is in.
	Chunk Chunk
	// Start is when it began; zero if the event has no time.
	Start time.Time
}

// Time returns a field that is a time in ticks.
func (e *Event) Time(field string) (time.Time, bool) {
	ticks, ok := e.Field(field).Int()
	if !ok {
		return time.Time{}, false
	}
	return e.c.time(ticks), true
}

// Reader reads the wanted events of a recording. Not safe for concurrent use.
type Reader struct {
	r      io.ReaderAt
	size   int64
	wanted map[string]bool
	budget Budget

	next    int64 // offset of the next chunk
	chunk   *chunk
	records records
	info    Info
	err     error // the last one, which stays
}

// Info is what a Reader has seen so far.
type Info struct {
	// Chunks that were opened.
	Chunks int
	// Incomplete: a chunk was not finished or cut off, or records of it were not understood.
	// What is complete was read.
	Incomplete bool
	// Skipped is the number of wanted events that are larger than 1 MiB.
	Skipped int
	// Known has the wanted types that the JVM knows.
	Known map[string]bool
	// From is the start of the first chunk, To the end of the last one, or the time of the
	// last wanted event if that is later.
	From, To time.Time
}

// NewReader returns a reader of size bytes of a file, of which a JVM may be writing more. It
// reads nothing yet. The error is ErrSecret if a wanted type can hold a secret.
func NewReader(r io.ReaderAt, size int64, wanted []string, b Budget) (*Reader, error) {
	if b.Work <= 0 {
		b.Work = 20e6
	}
	if b.PoolBytes <= 0 {
		b.PoolBytes = 16 << 20
	}
	b.PoolBytes = min(b.PoolBytes, 1<<30) // offsets are 32 bits
	reader := &Reader{r: r, size: size, wanted: make(map[string]bool), budget: b, info: Info{Known: make(map[string]bool)}}
	for _, name := range wanted {
		if secrets[name] {
			return nil, fmt.Errorf("%w: %s", ErrSecret, name)
		}
		reader.wanted[name] = true
	}
	return reader, nil
}

// Info returns what was seen so far. Its map must not be modified.
func (r *Reader) Info() Info { return r.info }

// Next returns the next event of a wanted type, in the order of the file, which is not that
// of time. At the end it returns io.EOF. Other errors (ErrMalformed, ErrNoMetadata,
// ErrBudget, those of the file) end the recording; the events before them are valid.
func (r *Reader) Next() (*Event, error) {
	if r.err != nil {
		return nil, r.err
	}
	e, err := r.read()
	r.err = err
	return e, err
}

func (r *Reader) read() (*Event, error) {
	for {
		if r.chunk == nil {
			if err := r.open(); err != nil {
				return nil, err
			}
		}
		rec, err := r.records.step()
		if errors.Is(err, io.EOF) {
			r.info.Incomplete = r.info.Incomplete || !r.chunk.Complete
			r.chunk = nil
			continue
		}
		if err != nil {
			return nil, err
		}
		if class := r.chunk.wanted[rec.id]; class != nil {
			if rec.end-rec.start > maxEventBytes {
				r.info.Skipped++
				continue
			}
			return r.event(rec, class)
		}
	}
}

// open opens the next chunk.
func (r *Reader) open() error {
	if r.next >= r.size {
		if r.info.Chunks == 0 {
			return ErrNoMetadata // a JVM before 17 keeps the first part in memory
		}
		return io.EOF
	}
	c, err := openChunk(r.r, r.next, r.size)
	if err != nil {
		r.info.Incomplete = true
		if r.info.Chunks > 0 && (errors.Is(err, ErrMalformed) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return io.EOF // what follows a chunk that is still written
		}
		return err
	}
	c.work = &r.budget.Work
	r.next = c.end
	if r.info.Chunks == 0 {
		r.info.From = c.Start
	}
	r.info.Chunks++
	r.until(c.Start.Add(c.Duration))
	if err := c.load(r.r, r.wanted, r.budget); err != nil {
		r.info.Incomplete = true
		return err
	}
	for _, class := range c.wanted {
		r.info.Known[class.name] = true
	}
	r.chunk, r.records = c, records{r: r.r, c: c, next: c.offset + headerBytes, window: r.records.window[:0]}
	return nil
}

func (r *Reader) event(rec record, class *class) (*Event, error) {
	cur, err := r.records.content(rec)
	if err != nil {
		return nil, err
	}
	r.chunk.event = cur.b
	e := &Event{Value: Value{c: r.chunk, class: class}, Chunk: r.chunk.Chunk}
	if t, ok := e.Time("startTime"); ok {
		e.Start = t
		r.until(t)
	}
	return e, nil
}

func (r *Reader) until(t time.Time) {
	if t.After(r.info.To) {
		r.info.To = t
	}
}
