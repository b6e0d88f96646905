package jfr

import (
	"errors"
	"io"
)

// ErrNoMetadata is returned where the chunk has no metadata yet. A JVM before 17 writes it when it closes the
// chunk.
var ErrNoMetadata = errors.New("jfr: the chunk is not finished and has no metadata yet")

// maxDepth is the depth of values in values. The deepest of HotSpot has 5.
const maxDepth = 16

// load reads the metadata and the constants of a chunk that wanted events refer to.
func (c *chunk) load(r io.ReaderAt, wanted map[string]bool, b Budget) error {
	var checkpoints []record
	var meta record
	s := records{r: r, c: c, next: c.offset + headerBytes}
	for {
		rec, err := s.step()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch rec.id {
		case typeMetadata: // the last one knows all classes
			meta = rec
		case typeCheckpoint:
			checkpoints = append(checkpoints, rec)
		}
	}
	if meta.end == 0 {
		return ErrNoMetadata
	}
	if err := c.loadClasses(&s, meta, wanted, b); err != nil || len(c.wanted) == 0 {
		return err
	}
	return c.loadPools(&s, checkpoints, b)
}

func (c *chunk) loadClasses(s *records, meta record, wanted map[string]bool, b Budget) error {
	if meta.end-meta.start > b.PoolBytes {
		return ErrBudget
	}
	cur, err := s.content(meta)
	if err != nil {
		return err
	}
	if c.classes, err = parseMetadata(&cur); err != nil {
		return err
	}
	c.wanted = make(map[int64]*class)
	for _, class := range c.classes {
		if class.name == stringClass {
			c.strings = class
		}
		if class.id > typeCheckpoint && wanted[class.name] {
			c.wanted[class.id] = class
		}
	}
	for _, class := range c.wanted {
		markPooled(c.classes, class, c.strings)
	}
	return nil
}

func (c *chunk) loadPools(s *records, checkpoints []record, b Budget) error {
	var total int64
	for _, rec := range checkpoints {
		if total += rec.end - rec.start; total > b.PoolBytes {
			return ErrBudget
		}
	}
	c.data = make([]byte, 0, total)
	c.pools = make(map[*class]map[int64]int32)
	c.methods = make(map[int32]method)
	for _, rec := range checkpoints {
		cur, err := s.content(rec)
		if err != nil {
			return err
		}
		from := len(c.data)
		c.data = append(c.data, cur.b...)
		cur.b, cur.pos = c.data, from
		if err := c.checkpoint(&cur); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint notes where the constants of a checkpoint are.
func (c *chunk) checkpoint(cur *cursor) error {
	cur.long() // time
	cur.long() // duration
	cur.long() // distance to the previous checkpoint
	cur.byte() // what it is for
	for pools := cur.count(); pools > 0 && cur.err == nil; pools-- {
		class := c.classes[cur.long()]
		if class == nil {
			return ErrMalformed
		}
		var pool map[int64]int32
		if class.pooled {
			if pool = c.pools[class]; pool == nil {
				pool = make(map[int64]int32)
				c.pools[class] = pool
			}
		}
		for n := cur.count(); n > 0 && cur.err == nil; n-- {
			key := cur.long()
			if pool != nil {
				pool[key] = int32(cur.pos)
			}
			c.skip(cur, class, 0)
		}
	}
	return cur.err
}

// skip goes over a value.
func (c *chunk) skip(cur *cursor, class *class, depth int) {
	if class == nil || depth > maxDepth {
		cur.fail(ErrMalformed)
		return
	}
	if !cur.step() {
		return
	}
	switch class.kind {
	case oneByte:
		cur.byte()
	case twoBytes:
		cur.integer(2)
	case fourBytes:
		cur.int()
	case eightBytes:
		cur.long()
	case float:
		cur.take(4)
	case double:
		cur.take(8)
	case text:
		cur.skipText()
	case composite:
		for _, f := range class.fields {
			c.skipField(cur, f, depth)
		}
	}
}

func (c *chunk) skipField(cur *cursor, f field, depth int) {
	n := 1
	if f.array {
		n = cur.count()
	}
	for ; n > 0 && cur.err == nil; n-- {
		if f.constant {
			cur.long()
		} else {
			c.skip(cur, c.classes[f.class], depth+1)
		}
	}
}
