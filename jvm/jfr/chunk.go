package jfr

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	headerBytes = 68
	// maxEventBytes is the size of the largest event that is decoded.
	maxEventBytes  = 1 << 20
	windowBytes    = 64 << 10
	typeMetadata   = 0
	typeCheckpoint = 1
)

// Chunk tells of the chunk that an event is in.
type Chunk struct {
	// Start is when the chunk began, by the JVM's clock.
	Start time.Time
	// Duration that it covers; of a chunk that is written, until the last flush. 0: unknown.
	Duration time.Duration
	// Complete: the JVM finished it, and all of it is there.
	Complete bool
}

// chunk is one chunk, with the metadata and the constants that wanted events can refer to.
type chunk struct {
	Chunk
	startTicks int64
	hz         int64 // ticks per second; 0: unknown
	offset     int64 // in the file
	end        int64 // of the records; the next chunk begins here
	fixed      bool  // integers are not compressed
	work       *int64

	classes map[int64]*class
	wanted  map[int64]*class // by the ID of the event type
	strings *class
	event   []byte                     // the last one
	data    []byte                     // of all checkpoints
	pools   map[*class]map[int64]int32 // offset in data by key
	methods map[int32]method           // by offset in data
}

// openChunk reads the header at an offset.
func openChunk(r io.ReaderAt, offset, size int64) (*chunk, error) {
	var h [headerBytes]byte
	if _, err := r.ReadAt(h[:], offset); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if string(h[:4]) != "FLR\x00" {
		return nil, ErrMalformed
	}
	u64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(h[at:])) }
	c := &chunk{
		Chunk:      Chunk{Start: time.Unix(0, u64(32)), Duration: time.Duration(max(u64(40), 0)), Complete: h[64] == 0},
		startTicks: u64(48), hz: max(u64(56), 0), offset: offset, end: offset + u64(8), fixed: h[67]&1 == 0,
	}
	if u64(8) < headerBytes || c.end < offset || c.end > size { // not written yet, or cut off
		c.end, c.Complete = size, false
	}
	return c, nil
}

// time returns the time of a tick; the start of the chunk if the frequency is unknown.
func (c *chunk) time(ticks int64) time.Time {
	if c.hz == 0 {
		return c.Start
	}
	return c.Start.Add(time.Duration(float64(ticks-c.startTicks) / float64(c.hz) * float64(time.Second)))
}

// record is a record of a chunk: its type and where its content is.
type record struct {
	id         int64
	start, end int64 // of the content
}

// records visits the records of a chunk through a window.
type records struct {
	r      io.ReaderAt
	c      *chunk
	next   int64
	window []byte
	at     int64 // offset of the window
}

// read returns up to n bytes at an offset; fewer only at the end of the chunk. They are valid
// until the next call.
func (s *records) read(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), s.c.end-offset))
	if n <= 0 {
		return nil, nil
	}
	if offset >= s.at && offset+int64(n) <= s.at+int64(len(s.window)) {
		return s.window[offset-s.at:][:n], nil
	}
	if cap(s.window) < n {
		s.window = make([]byte, max(n, windowBytes))
	}
	s.window = s.window[:min(int64(cap(s.window)), s.c.end-offset)]
	got, err := s.r.ReadAt(s.window, offset)
	s.window, s.at = s.window[:got], offset
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.window[:min(n, got)], nil
}

// step returns the next record, or io.EOF at the end of the chunk: also where the rest cannot
// be records, which is where a JVM is still writing.
func (s *records) step() (record, error) {
	const longest = 2 * 9
	b, err := s.read(s.next, longest)
	if err != nil {
		return record{}, err
	}
	c := cursor{b: b, fixed: s.c.fixed, work: s.c.work}
	size, id := c.int(), c.long()
	if errors.Is(c.err, ErrBudget) {
		return record{}, c.err
	}
	if c.err != nil || size < int64(c.pos) || size > s.c.end-s.next {
		if len(b) > 0 {
			s.c.Complete = false
		}
		return record{}, io.EOF
	}
	rec := record{id, s.next + int64(c.pos), s.next + size}
	s.next = rec.end
	return rec, nil
}

// content returns a cursor over a record.
func (s *records) content(rec record) (cursor, error) {
	b, err := s.read(rec.start, int(rec.end-rec.start))
	return cursor{b: b, fixed: s.c.fixed, work: s.c.work}, err
}
