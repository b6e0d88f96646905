package owners

import (
	"cmp"
	"slices"
)

// Held is what one owner has of the memory that is in use and has no header of NMT.
type Held struct {
	Name          string // see Owner.Name
	Library       string // a file name; "" if only a Java class is known
	Mapped        bool   // not malloc's: the library mmapped it
	ResidentBytes int64
}

// held returns who owns the kinds of a Snapshot, most first: by what their blocks point to and,
// as far as it was searched, by what refers to them. searched has the owners of kinds that grew.
func (r *references) held(now *Snapshot, searched map[key]Owner) []Held {
	list, _ := growthOf(nil, now, &r.libraries)
	var all []Held
	for _, g := range list {
		o := searched[g.key]
		switch {
		case g.rest, g.key.unnamed(), g.key.category > 0:
			continue
		case g.key.category == mappedCategory:
			o = r.describe(g, r.sizes, list)
		case o.Relation == ReferredTo: // in a sample of all blocks of the kind
		default:
			var points Owner // of all blocks, not only of new ones
			if !r.pointsTo(g, r.sizes, list, &points) {
				continue
			}
			if o.Relation == NotNamed {
				o = points
			}
		}
		h := Held{o.Name(), o.Library, o.Mapped, g.now.ResidentBytes}
		if i := slices.IndexFunc(all, func(other Held) bool { return other.Name == h.Name && other.Mapped == h.Mapped }); i >= 0 {
			all[i].ResidentBytes += h.ResidentBytes
		} else {
			all = append(all, h)
		}
	}
	slices.SortStableFunc(all, func(a, b Held) int { return cmp.Compare(b.ResidentBytes, a.ResidentBytes) })
	return all
}
