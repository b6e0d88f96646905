package vmstructs

import (
	"errors"
	"fmt"
)

// maxLoaders bounds the class loaders that Metadata follows.
const maxLoaders = 100_000

// Metadata returns addresses in metaspace: the constant pool of each class, of
// at most limit classes, the newest loaders first. Those of classes from a CDS
// archive lie in the archive. Metaspace itself is in no table, but its nodes
// can be told by what lies in them. Needs Options.Metadata. Lists that change
// meanwhile give less; the error is ErrGone, or that this JVM does not export
// the fields (JDK 8 to 10).
func (r *Reader) Metadata(limit int) ([]uint64, error) {
	loader, err := r.static(fieldName{"ClassLoaderDataGraph", "_head"})
	if err != nil {
		return nil, fmt.Errorf("vmstructs: metadata: %w", err)
	}
	at, err := r.table.offsets(fieldName{"ClassLoaderData", "_next"}, fieldName{"ClassLoaderData", "_klasses"})
	if err != nil {
		return nil, fmt.Errorf("vmstructs: metadata: %w", err)
	}
	var out []uint64
	for range maxLoaders {
		if loader == 0 || len(out) >= limit {
			break
		}
		got, err := r.memory.words(loader, at...)
		if err != nil {
			return out, onlyGone(err) // unloaded meanwhile
		}
		if out, err = r.constantPools(got[1], limit, out); err != nil {
			return nil, err
		}
		loader = got[0]
	}
	return out, nil
}

// constantPools appends those of one loader's classes. Arrays have none: their
// layout helper is negative (klass.hpp).
func (r *Reader) constantPools(class uint64, limit int, out []uint64) ([]uint64, error) {
	at, err := r.table.offsets(fieldName{"Klass", "_next_link"}, fieldName{"Klass", "_layout_helper"}, fieldName{"InstanceKlass", "_constants"})
	if err != nil {
		return nil, fmt.Errorf("vmstructs: metadata: %w", err)
	}
	for range limit {
		if class == 0 || len(out) >= limit {
			break
		}
		got, err := r.memory.words(class, at...)
		if err != nil {
			return out, onlyGone(err)
		}
		if helper := int32(uint32(got[1])); helper > 0 { //nolint:gosec // the lower half is an int
			out = append(out, got[2])
		}
		class = got[0]
	}
	return out, nil
}

func onlyGone(err error) error {
	if errors.Is(err, ErrGone) {
		return err
	}
	return nil
}
