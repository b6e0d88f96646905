package pages

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// Rollup is the resident memory of a whole process, each shared page divided by
// the number of processes that map it. Bytes.
type Rollup struct {
	AnonymousBytes, FileBytes, ShmemBytes int64
}

// ReadRollup parses a /proc/<pid>/smaps_rollup (since Linux 4.14, its Pss_*
// fields since 5.4).
func ReadRollup(src io.Reader) (Rollup, error) {
	var r Rollup
	found := 0
	scan := bufio.NewScanner(src)
	for scan.Scan() {
		name, value, _ := bytes.Cut(scan.Bytes(), []byte(":"))
		var to *int64
		switch string(name) {
		case "Pss_Anon":
			to = &r.AnonymousBytes
		case "Pss_File":
			to = &r.FileBytes
		case "Pss_Shmem":
			to = &r.ShmemBytes
		default:
			continue
		}
		size, err := kilobytes(value)
		if err != nil {
			return Rollup{}, fmt.Errorf("smaps_rollup: %w: %.40q", err, scan.Bytes())
		}
		*to = int64(size)
		found++
	}
	if err := scan.Err(); err != nil {
		return Rollup{}, fmt.Errorf("smaps_rollup: %w", err)
	}
	if found < 3 {
		return Rollup{}, fmt.Errorf("smaps_rollup: %w", ErrTruncated)
	}
	return r, nil
}
