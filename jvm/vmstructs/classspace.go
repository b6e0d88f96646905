package vmstructs

import (
	"fmt"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// classSpace derives the compressed class space, as its bounds are in no table: from
// JDK 17 on it follows the mapped CDS archive, at the next multiple of 16 MiB
// (MetaspaceShared::reserve_address_space_for_archives); without an archive it starts
// at the base of narrow class pointers, if they have one
// (CompressedKlassPointers::initialize). Its size is a flag that the JVM sets to what
// it reserved.
func (r *Reader) classSpace() ([]ranges.Range, error) {
	if used, ok := r.flags["UseCompressedClassPointers"]; ok {
		if value, err := r.flagValue(used); err != nil || value != true {
			return nil, err
		}
	}
	entry, ok := r.flags["CompressedClassSpaceSize"]
	if !ok {
		return nil, nil
	}
	value, err := r.flagValue(entry)
	if err != nil {
		return nil, err
	}
	size, _ := value.(uint64)
	if size == 0 || size >= addressLimit {
		return nil, fmt.Errorf("implausible CompressedClassSpaceSize: %v", value)
	}
	start, err := r.classSpaceStart()
	if err != nil || start == 0 {
		return nil, err
	}
	return span(start, start+size, ranges.ClassSpace)
}

// classSpaceStart returns 0 if it is unknown.
func (r *Reader) classSpaceStart() (uint64, error) {
	_, top, err := r.archiveBounds()
	if err == nil && top != 0 {
		if version, err := r.Version(); err != nil || version.Feature < 17 || top >= addressLimit {
			return 0, err
		}
		return (top + classSpaceAlignment - 1) / classSpaceAlignment * classSpaceAlignment, nil
	}
	shared, err := r.flagTrue("UseSharedSpaces")
	if err != nil || shared {
		return 0, err
	}
	return r.static(fieldName{"CompressedKlassPointers", "_base"}, fieldName{"CompressedKlassPointers", "_narrow_klass._base"}, fieldName{"Universe", "_narrow_klass._base"})
}
