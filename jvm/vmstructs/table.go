package vmstructs

import (
	"encoding/binary"
	"fmt"
)

const (
	maxEntries    = 8192 // JDK 8 to 28 have 564 to 837
	maxEntryBytes = 256  // 40 or 48
)

// field is one row of gHotSpotVMStructs.
type field struct {
	static  bool
	offset  uint64 // in the object, unless static
	address uint64 // of a static field, in libjvm.so
	kind    string // its C++ type as text, "" where the table has none
}

type fieldName struct{ class, name string }

// table holds the rows of gHotSpotVMStructs and the sizes of gHotSpotVMTypes
// for the classes that are read.
type table struct {
	fields map[fieldName]field
	sizes  map[string]uint64
}

// wanted reports whether the fields of a class are used here.
func wanted(class string, o Options) bool {
	switch class {
	case "PerfMemory":
		return o.Counters
	case "CompressedOops":
		return o.Names
	case "ClassLoaderDataGraph", "ClassLoaderData", "SystemDictionary", "InstanceKlass":
		return o.Metadata
	case "Klass":
		return o.Metadata || o.Classes
	case "Symbol":
		return o.Classes
	case "Universe", "CollectedHeap", "MemRegion",
		"CodeCache", "CodeHeap", "VirtualSpace", "GrowableArray<int>", "GrowableArrayBase", "GenericGrowableArray",
		"MetaspaceObj", "FileMapInfo", "FileMapHeader", "CDSFileMapRegion", "CompressedKlassPointers",
		"BarrierSet", "CardTableBarrierSet", "CardTable", "CardTableModRefBS",
		"Threads", "ThreadsSMRSupport", "ThreadsList", "Thread", "JavaThread", "OSThread",
		"JVMFlag", "Flag", "Abstract_VM_Version", "JDK_Version":
		return true
	}
	return false
}

// openTable reads both tables, with the classes for Metadata and Counters on request.
func openTable(s *symbols, o Options) (table, error) {
	t := table{fields: map[fieldName]field{}, sizes: map[string]uint64{}}
	err := s.rows("gHotSpotVMStructs", "gHotSpotVMStructEntry",
		[]string{"TypeName", "FieldName", "TypeString", "IsStatic", "Offset", "Address"},
		func(cells []uint64) error {
			class, err := s.image.text(cells[0])
			if err != nil || !wanted(class, o) {
				return err
			}
			name, err := s.image.text(cells[1])
			if err != nil {
				return err
			}
			f := field{static: uint32(cells[3]) != 0, offset: cells[4], address: cells[5]}
			if cells[2] != 0 {
				if f.kind, err = s.image.text(cells[2]); err != nil {
					return err
				}
			}
			if f.static && !s.image.contains(f.address, 1) {
				return fmt.Errorf("static field %s::%s is outside of libjvm.so", class, name)
			}
			t.fields[fieldName{class, name}] = f
			return nil
		})
	if err != nil {
		return table{}, err
	}
	err = s.rows("gHotSpotVMTypes", "gHotSpotVMTypeEntry", []string{"TypeName", "Size"}, func(cells []uint64) error {
		class, err := s.image.text(cells[0])
		if err == nil && wanted(class, o) {
			t.sizes[class] = cells[1]
		}
		return err
	})
	return t, err
}

// rows calls use with the named cells of each row of an exported table; the
// row after the last has no type name.
func (s *symbols) rows(name, prefix string, columns []string, use func(cells []uint64) error) error {
	at, err := s.value(name)
	if err != nil {
		return err
	}
	stride, err := s.value(prefix + "ArrayStride")
	if err != nil {
		return err
	}
	if stride < 8 || stride > maxEntryBytes {
		// The variable is set when libjvm.so is loaded.
		return fmt.Errorf("%s: rows of %d bytes", name, stride)
	}
	offsets := make([]uint64, len(columns))
	for i, column := range columns {
		if offsets[i], err = s.value(prefix + column + "Offset"); err != nil {
			return err
		}
		if offsets[i] > stride-4 {
			return fmt.Errorf("%s: column %s at offset %d of %d", name, column, offsets[i], stride)
		}
	}
	// A 4-byte cell may be the last of the row.
	row, cells := make([]byte, stride+4), make([]uint64, len(columns))
	for range maxEntries {
		if err := s.image.read(at, row[:stride]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i, offset := range offsets {
			cells[i] = binary.LittleEndian.Uint64(row[offset:])
		}
		if cells[0] == 0 {
			return nil
		}
		if err := use(cells); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		at += stride
	}
	return fmt.Errorf("%s: more than %d rows", name, maxEntries)
}

// find returns the first of some fields that the table has: names differ by
// version.
func (t table) find(static bool, names ...fieldName) (field, error) {
	for _, name := range names {
		if f, ok := t.fields[name]; ok && f.static == static {
			return f, nil
		}
	}
	return field{}, fmt.Errorf("this JVM does not export %s::%s", names[0].class, names[0].name)
}

// has reports whether the table has a field, static or not.
func (t table) has(class, name string) bool {
	_, ok := t.fields[fieldName{class, name}]
	return ok
}

// static returns the address of a static field.
func (t table) static(names ...fieldName) (uint64, error) {
	f, err := t.find(true, names...)
	return f.address, err
}

// offsets returns the offsets of fields in their object.
func (t table) offsets(names ...fieldName) ([]uint64, error) {
	out := make([]uint64, len(names))
	for i, name := range names {
		f, err := t.find(false, name)
		if err != nil {
			return nil, err
		}
		if f.offset >= maxRecordBytes {
			return nil, fmt.Errorf("%s::%s at offset %d", name.class, name.name, f.offset)
		}
		out[i] = f.offset
	}
	return out, nil
}
