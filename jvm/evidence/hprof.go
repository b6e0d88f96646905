package evidence

import (
	"encoding/binary"
	"io"
)

// Of HPROF (OpenJDK src/hotspot/share/services/heapDumper.cpp): a header, then records of a
// tag (1 byte), a time (4), a length (4) and so many bytes.
const (
	hprofHeaderBytes = len("JAVA PROFILE 1.0.2\x00") + 4 + 8
	recordHeadBytes  = 1 + 4 + 4
	// maxHeldBytes is the longest record that is held until it is complete: HotSpot's
	// buffers have 1 MiB, and what is longer is the record of one large array.
	maxHeldBytes = 2 << 20
)

// hprofEnd is the record HPROF_HEAP_DUMP_END.
var hprofEnd = [recordHeadBytes]byte{0x2c}

// records copies a stream of records in whole records, so that those of another stream can
// come between.
type records struct {
	w       io.Writer
	held    []byte // of an incomplete record
	through int64  // bytes to copy before the next record
}

// between reports whether the records of another stream can follow now.
func (r *records) between() bool { return r.through == 0 }

func (r *records) Write(b []byte) (int, error) {
	n := len(b)
	if r.through > 0 {
		part := min(int64(len(b)), r.through)
		if _, err := r.w.Write(b[:part]); err != nil {
			return 0, err
		}
		r.through -= part
		b = b[part:]
	}
	if len(r.held) > 0 {
		r.held = append(r.held, b...)
		b = r.held
	}
	whole := 0
	for r.through == 0 && len(b)-whole >= recordHeadBytes {
		size := recordHeadBytes + int64(binary.BigEndian.Uint32(b[whole+5:]))
		switch left := int64(len(b) - whole); {
		case size <= left:
			whole += int(size)
			continue
		case size > maxHeldBytes:
			r.through = size - left
			whole = len(b)
		}
		break
	}
	if whole > 0 {
		if _, err := r.w.Write(b[:whole]); err != nil {
			return 0, err
		}
	}
	r.held = append(r.held[:0], b[whole:]...)
	return n, nil
}

// finish writes the rest of a stream that has ended.
func (r *records) finish() error {
	_, err := r.w.Write(r.held)
	r.held = nil
	return err
}
