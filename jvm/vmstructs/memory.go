package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

const (
	// addressLimit is above every user address of a 64-bit Linux process,
	// five-level page tables included.
	addressLimit = 1 << 56
	// maxRecordBytes bounds the distance of two fields of one C++ object:
	// JavaThread, the largest object read, has some 1.5 KiB.
	maxRecordBytes = 1 << 16
)

// ErrGone means that the address space no longer exists: the process ended or
// replaced itself by exec.
var ErrGone = errors.New("the process has ended")

// memory reads the address space of one process. Every address comes from
// that process, so each is checked before it is used.
type memory struct{ source io.ReaderAt }

// read fills buf from address.
func (m memory) read(address uint64, buf []byte) error {
	_, err := m.readSome(address, buf)
	return err
}

// readSome reads up to len(buf) bytes and says how many there were before the
// first address that can't be read.
func (m memory) readSome(address uint64, buf []byte) (int, error) {
	if address == 0 {
		return 0, errors.New("null pointer: the JVM has not set it up yet")
	}
	if address >= addressLimit || uint64(len(buf)) > addressLimit-address {
		return 0, fmt.Errorf("address %#x is outside of user memory", address)
	}
	n, err := m.source.ReadAt(buf, int64(address))
	switch {
	case n == len(buf):
		return n, nil
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ESRCH):
		// mem_rw of fs/proc/base.c reads 0 bytes once the address
		// space has no user, and never otherwise.
		return n, ErrGone
	case err == nil:
		return n, fmt.Errorf("read %d bytes at %#x: %w", len(buf), address, io.ErrUnexpectedEOF)
	}
	return n, fmt.Errorf("read %d bytes at %#x: %w", len(buf), address, err)
}

// word reads a pointer or a size_t.
func (m memory) word(address uint64) (uint64, error) {
	var buf [8]byte
	err := m.read(address, buf[:])
	return binary.LittleEndian.Uint64(buf[:]), err
}

// int32 reads an int.
func (m memory) int32(address uint64) (int32, error) {
	var buf [4]byte
	err := m.read(address, buf[:])
	return int32(binary.LittleEndian.Uint32(buf[:])), err
}

// words reads the pointers or sizes at some offsets of one object, with one
// system call.
func (m memory) words(address uint64, offsets ...uint64) ([]uint64, error) {
	low, high := uint64(addressLimit), uint64(0)
	for _, offset := range offsets {
		low, high = min(low, offset), max(high, offset)
	}
	if high >= addressLimit || high-low > maxRecordBytes {
		return nil, fmt.Errorf("fields at offsets %d to %d are not of one object", low, high)
	}
	if address == 0 { // low would hide it
		return nil, m.read(0, nil)
	}
	if address >= addressLimit {
		return nil, m.read(address, nil)
	}
	buf := make([]byte, high-low+8)
	if err := m.read(address+low, buf); err != nil {
		return nil, err
	}
	out := make([]uint64, len(offsets))
	for i, offset := range offsets {
		out[i] = binary.LittleEndian.Uint64(buf[offset-low:])
	}
	return out, nil
}

// text reads a C string of at most limit bytes.
func (m memory) text(address uint64, limit int) (string, error) {
	var out []byte
	var buf [64]byte
	for len(out) <= limit {
		// Never across a 64 byte boundary, so never across a page.
		next := address + uint64(len(out))
		chunk := buf[:64-next%64]
		if err := m.read(next, chunk); err != nil {
			return "", err
		}
		for i, c := range chunk {
			if c == 0 {
				out = append(out, chunk[:i]...)
				if len(out) > limit {
					break
				}
				return string(out), nil
			}
		}
		out = append(out, chunk...)
	}
	return "", fmt.Errorf("string at %#x is longer than %d bytes", address, limit)
}
