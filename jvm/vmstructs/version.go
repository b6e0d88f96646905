package vmstructs

import "fmt"

// Version is the version of HotSpot.
type Version struct {
	// Feature is the JDK's: 8, 11, 17.
	Feature int
	// Release is the release of HotSpot, such as "17.0.15+6-Debian-1deb12u1".
	// On JDK 8 it has a number of its own: "25.504-b08".
	Release string
}

// Version reads the JVM's version.
func (r *Reader) Version() (Version, error) {
	address, err := r.static(fieldName{"Abstract_VM_Version", "_s_vm_release"})
	if err != nil {
		return Version{}, fmt.Errorf("version: %w", err)
	}
	release, err := r.memory.text(address, maxNameBytes)
	if err != nil {
		return Version{}, fmt.Errorf("version: %w", err)
	}
	feature, err := r.feature()
	if err != nil {
		return Version{}, fmt.Errorf("version: %w", err)
	}
	return Version{Feature: feature, Release: release}, nil
}

// feature is JDK_Version::_current._major up to JDK 21, where JDK 8 has its own number;
// later HotSpot has the number of its JDK.
func (r *Reader) feature() (int, error) {
	address, err := r.table.static(fieldName{"JDK_Version", "_current"})
	if err != nil {
		if address, err = r.table.static(fieldName{"Abstract_VM_Version", "_vm_major_version"}); err != nil {
			return 0, err
		}
		feature, err := r.memory.int32(address)
		return plausibleFeature(int(feature), err)
	}
	at, err := r.table.offsets(fieldName{"JDK_Version", "_major"})
	if err != nil {
		return 0, err
	}
	var major [1]byte
	err = r.memory.read(address+at[0], major[:])
	return plausibleFeature(int(major[0]), err)
}

func plausibleFeature(feature int, err error) (int, error) {
	if err == nil && (feature < 8 || feature > 255) {
		err = fmt.Errorf("implausible JDK %d", feature)
	}
	return feature, err
}
