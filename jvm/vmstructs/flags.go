package vmstructs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	maxFlags     = 8192 // JDK 8 to 28 have 1,100 to 1,600
	maxFlagBytes = 256  // sizeof(JVMFlag) is 24 to 40
	maxTextBytes = 4096 // of a string flag's value
)

// ErrNoFlag means that this JVM has no flag of that name, or that Options.Flags
// did not list it.
var ErrNoFlag = errors.New("no such flag")

// flagEntry is one row of the JVM's flag table.
type flagEntry struct {
	address uint64 // of the value
	kind    string
}

// Flag is the value of a -XX flag.
type Flag struct {
	Name string
	// Type is HotSpot's: bool, int, uint, intx, uintx, uint64_t, size_t,
	// double, ccstr or ccstrlist.
	Type string
	// Value is a bool, int64, uint64, float64 or string by Type, or nil for a
	// string that is not set.
	Value any
}

// cardTableCollectors are the flags of collectors whose barrier set has a card
// table as its first own field.
func cardTableCollectors() []string {
	return []string{"UseSerialGC", "UseParallelGC", "UseG1GC", "UseConcMarkSweepGC"}
}

// ownFlags are those that Read and Counters need.
func ownFlags() []string {
	return append(cardTableCollectors(), "CompressedClassSpaceSize", "UseCompressedClassPointers", "UseSharedSpaces", usePerfData)
}

// openFlags finds the addresses of the named flags' values.
func openFlags(s *symbols, t table, names []string) (map[string]flagEntry, error) {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	class := "JVMFlag"
	if !t.has(class, "flags") {
		class = "Flag" // JDK 8
	}
	flags, err := t.static(fieldName{class, "flags"})
	if err != nil {
		return nil, err
	}
	count, err := t.static(fieldName{class, "numFlags"})
	if err != nil {
		return nil, err
	}
	at, err := t.offsets(fieldName{class, "_name"}, fieldName{class, "_addr"}, fieldName{class, "_type"})
	if err != nil {
		return nil, err
	}
	// Both are set at compile time and never change.
	var buf [16]byte
	if err := errors.Join(s.image.read(flags, buf[:8]), s.image.read(count, buf[8:])); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	start, rows, size := binary.LittleEndian.Uint64(buf[:]), binary.LittleEndian.Uint64(buf[8:]), t.sizes[class]
	if rows > maxFlags || size > maxFlagBytes || max(at[0], at[1], at[2])+4 > size {
		return nil, fmt.Errorf("flags: implausible table of %d rows of %d bytes", rows, size)
	}
	named := t.fields[fieldName{class, "_type"}].kind == "const char*"
	out := make(map[string]flagEntry, len(wanted))
	row := make([]byte, size+4) // a 4-byte type may end the row
	for ; rows > 0; rows-- {
		if err := s.image.read(start, row[:size]); err != nil {
			return nil, fmt.Errorf("flags: %w", err)
		}
		start += size
		name := binary.LittleEndian.Uint64(row[at[0]:])
		if name == 0 { // the last row
			continue
		}
		text, err := s.image.text(name)
		if err != nil {
			return nil, fmt.Errorf("flags: %w", err)
		}
		if !wanted[text] {
			continue
		}
		entry := flagEntry{address: binary.LittleEndian.Uint64(row[at[1]:])}
		kind := binary.LittleEndian.Uint64(row[at[2]:])
		if named {
			entry.kind, err = s.image.text(kind)
		} else {
			entry.kind = flagType(uint32(kind))
		}
		if err != nil {
			return nil, fmt.Errorf("flag %s: %w", text, err)
		}
		if !s.image.contains(entry.address, 8) {
			return nil, fmt.Errorf("flag %s: value outside of libjvm.so", text)
		}
		out[text] = entry
	}
	return out, nil
}

// flagType names a value of JVMFlag::FlagType (jvmFlag.hpp, JDK 16 and later).
func flagType(n uint32) string {
	names := [...]string{"bool", "int", "uint", "intx", "uintx", "uint64_t", "size_t", "double", "ccstr", "ccstrlist"}
	if n < uint32(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("type %d", n)
}

// Flag returns the current value of a flag that Options.Flags listed. The
// error is ErrNoFlag if this JVM doesn't have it, ErrGone if the process ended.
func (r *Reader) Flag(name string) (Flag, error) {
	entry, ok := r.flags[name]
	if !ok {
		return Flag{}, fmt.Errorf("flag %s: %w", name, ErrNoFlag)
	}
	value, err := r.flagValue(entry)
	if err != nil {
		return Flag{}, fmt.Errorf("flag %s: %w", name, err)
	}
	return Flag{Name: name, Type: entry.kind, Value: value}, nil
}

// flagTrue reports whether the JVM has a flag and it is on.
func (r *Reader) flagTrue(name string) (bool, error) {
	entry, ok := r.flags[name]
	if !ok {
		return false, nil
	}
	value, err := r.flagValue(entry)
	return value == true, err
}

// flagValue reads the value of any type.
func (r *Reader) flagValue(entry flagEntry) (any, error) {
	var buf [8]byte
	size := 8
	switch entry.kind {
	case "bool":
		size = 1
	case "int", "uint":
		size = 4
	}
	if err := r.memory.read(entry.address, buf[:size]); err != nil {
		return nil, err
	}
	value := binary.LittleEndian.Uint64(buf[:])
	switch entry.kind {
	case "bool":
		return value != 0, nil
	case "int":
		return int64(int32(value)), nil
	case "intx":
		return int64(value), nil
	case "uint", "uintx", "uint64_t", "size_t":
		return value, nil
	case "double":
		return math.Float64frombits(value), nil
	case "ccstr", "ccstrlist":
		if value == 0 {
			return nil, nil
		}
		return r.memory.text(value, maxTextBytes)
	}
	return nil, fmt.Errorf("unknown type %q", entry.kind)
}
