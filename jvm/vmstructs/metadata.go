package vmstructs

import (
	"errors"
	"fmt"
)

// MaxClasses is a limit for Metadata that finds metaspace: 2 µs each.
const MaxClasses = 20_000

// maxLoaders bounds the class loaders that Metadata follows.
const maxLoaders = 100_000

// Metadata are addresses of class metadata: metaspace is in no table, but is recognized
// by its contents.
type Metadata struct {
	// Classes are Klass objects, in the class space if there is one; ConstantPools are
	// in the other metaspace. Metadata of a CDS archive is in the archive.
	Classes, ConstantPools []uint64
}

// Metadata returns the addresses for up to limit classes, from JDK 11 on those of the
// newest loaders first. Needs Options.Metadata. Fewer are returned if lists change
// meanwhile. The error is ErrGone, or says that this JVM does not export the fields.
func (r *Reader) Metadata(limit int) (Metadata, error) {
	w := classWalk{reader: r, limit: limit}
	var err error
	if r.table.has("ClassLoaderData", "_klasses") {
		err = w.loaders()
	} else {
		err = w.hierarchy()
	}
	if err != nil {
		return Metadata{}, fmt.Errorf("vmstructs: metadata: %w", err)
	}
	return w.found, nil
}

type classWalk struct {
	reader *Reader
	limit  int
	found  Metadata
}

// loaders follows the list of class loaders and the list of classes of each.
func (w *classWalk) loaders() error {
	loader, err := w.reader.static(fieldName{"ClassLoaderDataGraph", "_head"})
	if err != nil {
		return err
	}
	at, err := w.reader.table.offsets(fieldName{"ClassLoaderData", "_next"}, fieldName{"ClassLoaderData", "_klasses"})
	if err != nil {
		return err
	}
	for range maxLoaders {
		if loader == 0 || w.full() {
			break
		}
		got, err := w.reader.memory.words(loader, at...)
		if err != nil {
			return onlyGone(err) // unloaded meanwhile
		}
		class := got[1]
		for class != 0 && !w.full() {
			next, err := w.visit(class, fieldName{"Klass", "_next_link"})
			if err != nil {
				return err
			}
			class = next[0]
		}
		loader = got[0]
	}
	return nil
}

// hierarchy follows the tree of subclasses of Object (JDK 8, which does not
// export the other lists).
func (w *classWalk) hierarchy() error {
	object, err := w.reader.static(fieldName{"SystemDictionary", "_well_known_klasses[SystemDictionary::Object_klass_knum]"})
	if err != nil {
		return err
	}
	seen := make(map[uint64]bool)
	for todo := []uint64{object}; len(todo) > 0 && !w.full(); {
		class := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if class == 0 || seen[class] {
			continue
		}
		seen[class] = true
		next, err := w.visit(class, fieldName{"Klass", "_subklass"}, fieldName{"Klass", "_next_sibling"})
		if err != nil {
			return err
		}
		todo = append(todo, next...)
	}
	return nil
}

func (w *classWalk) full() bool { return len(w.found.Classes) >= w.limit }

// visit takes the addresses of one class and returns its links: zeros for a
// class that was unloaded meanwhile. Arrays have no constant pool, and a
// negative layout helper (klass.hpp).
func (w *classWalk) visit(class uint64, links ...fieldName) ([]uint64, error) {
	at, err := w.reader.table.offsets(append(links, fieldName{"Klass", "_layout_helper"}, fieldName{"InstanceKlass", "_constants"})...)
	if err != nil {
		return nil, err
	}
	got, err := w.reader.memory.words(class, at...)
	if err != nil {
		return make([]uint64, len(links)), onlyGone(err)
	}
	n := len(links)
	w.found.Classes = append(w.found.Classes, class)
	if helper := int32(uint32(got[n])); helper > 0 {
		w.found.ConstantPools = append(w.found.ConstantPools, got[n+1])
	}
	return got[:n], nil
}

func onlyGone(err error) error {
	if errors.Is(err, ErrGone) {
		return err
	}
	return nil
}
