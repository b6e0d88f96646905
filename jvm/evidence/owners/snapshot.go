package owners

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Schema identifies the JSON of a Snapshot.
const Schema = "jvmem.owners-baseline/v1"

const (
	// maxKinds bounds the kinds of a Snapshot; the smallest are in Rest.
	maxKinds = 256
	// maxSnapshotBytes bounds the JSON that ReadSnapshot reads.
	maxSnapshotBytes = 1 << 20
)

// Snapshot is a baseline: the kinds of the blocks that were in use at a time. Growth is
// found by comparing it with what is in use later. It takes 30 KiB of memory at most, and
// has no address of the process: it can be written to a file.
type Snapshot struct {
	Schema string    `json:"schema"`
	Time   time.Time `json:"time"`
	// PID and StartTicks identify the process.
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	// Kinds are at most 256, those with the most resident bytes first.
	Kinds []Kind `json:"kinds"`
	// Rest is what is in smaller kinds, LargestRest the bytes of the largest of them.
	Rest             Amount `json:"rest"`
	LargestRestBytes int64  `json:"largest_rest_bytes"`
	// Complete: at most 1 % of malloc's memory was not seen. Else Reason says why, and
	// nothing can be compared with the Snapshot.
	Complete bool   `json:"complete"`
	Reason   string `json:"reason,omitempty"`
	// Held says who owns what is in Kinds, as far as it is known, most first.
	Held []Held `json:"-"`
}

// Amount is a number of blocks and what they take.
type Amount struct {
	Blocks int64 `json:"blocks"`
	// Bytes are those of the blocks with malloc's headers, ResidentBytes the part of them
	// on resident pages.
	Bytes         int64 `json:"bytes"`
	ResidentBytes int64 `json:"resident_bytes"`
}

// Kind is what blocks have in common.
type Kind struct {
	// BlockBytes is the size of each block with malloc's header. 0: of any size.
	BlockBytes uint64 `json:"block_bytes"`
	// Library is the file name of the library that the telling pointer leads to, Address
	// is where in it (as it was linked), and Offset where in the block the pointer is.
	// "": there is none in the first 256 bytes.
	Library string `json:"library,omitempty"`
	Address uint64 `json:"address,omitempty"`
	Offset  int    `json:"offset,omitempty"`
	// Category is the number of NMT's category plus one; 0: the block has no header of NMT;
	// -1: it is not malloc's, but was mmapped by the library itself.
	Category int `json:"category,omitempty"`
	Amount
}

var errSnapshot = errors.New("not a baseline of jvmem owners")

// ReadSnapshot reads the JSON of a Snapshot.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	var s Snapshot
	if err := json.NewDecoder(io.LimitReader(r, maxSnapshotBytes)).Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if s.Schema != Schema || len(s.Kinds) > maxKinds {
		return nil, errSnapshot
	}
	return &s, nil
}

// WriteJSON writes the Snapshot for ReadSnapshot.
func (s *Snapshot) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(s) }
