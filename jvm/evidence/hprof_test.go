package evidence

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

func record(tag byte, length int) []byte {
	r := make([]byte, recordHeadBytes, recordHeadBytes+length)
	r[0] = tag
	binary.BigEndian.PutUint32(r[5:], uint32(length))
	return append(r, bytes.Repeat([]byte{tag}, length)...)
}

// TestRecords: whatever the pieces are, whole records are written.
func TestRecords(t *testing.T) {
	stream := bytes.Repeat([]byte{'h'}, hprofHeaderBytes)
	var ends []int
	for _, length := range []int{0, 1, 9, 100, maxHeldBytes, maxHeldBytes + 1, 3, 0} {
		stream = append(stream, record(0x1c, length)...)
		ends = append(ends, len(stream))
	}
	for _, piece := range []int{1 << 10, 64<<10 + 1, 1 << 20, len(stream)} {
		var out bytes.Buffer
		r := &records{w: &out, through: int64(hprofHeaderBytes)}
		for at := 0; at < len(stream); at += piece {
			if n, err := r.Write(stream[at:min(at+piece, len(stream))]); err != nil || n == 0 {
				t.Fatal(n, err)
			}
			if at > hprofHeaderBytes && r.between() && !slices.Contains(ends, out.Len()) && out.Len() > hprofHeaderBytes {
				t.Fatalf("pieces of %d: %d bytes written, within a record", piece, out.Len())
			}
		}
		if err := r.finish(); err != nil || !bytes.Equal(out.Bytes(), stream) {
			t.Errorf("pieces of %d: %d bytes of %d, %v", piece, out.Len(), len(stream), err)
		}
	}
}

// FuzzRecords: nothing is lost or added, and what is held is bounded.
func FuzzRecords(f *testing.F) {
	f.Add(record(1, 5), 3)
	f.Add(record(0x1c, maxHeldBytes+1)[:100], 7)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if piece <= 0 {
			return
		}
		var out bytes.Buffer
		r := &records{w: &out, through: int64(hprofHeaderBytes)}
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			if _, err := r.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			if rest = rest[n:]; len(r.held) > maxHeldBytes+n {
				t.Fatalf("%d bytes held", len(r.held))
			}
		}
		if err := r.finish(); err != nil || !bytes.Equal(out.Bytes(), stream) {
			t.Fatalf("%d bytes of %d, %v", out.Len(), len(stream), err)
		}
	})
}
