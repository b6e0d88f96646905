package threads

import (
	"cmp"
	"strings"
)

const (
	// maxTries is how often the whole name of a thread is asked for: a thread may be
	// starting, and one of native code has none.
	maxTries = 5
	// maxWholePools bounds the pools that are remembered.
	maxWholePools = 1000
)

// wholePools has the whole name of a pool by the kernel's: "" if there are several.
type wholePools map[string]string

// add remembers the pool of a thread.
func (w *wholePools) add(comm, whole string) {
	if len(*w) >= maxWholePools || *w == nil {
		*w = make(wholePools)
	}
	short, long := PoolName(comm), PoolName(whole)
	if known, ok := (*w)[short]; ok && known != long {
		long = ""
	}
	(*w)[short] = long
}

// nameOf returns the best known name of a thread: its own, that of its pool, the
// kernel's.
func (r *Reader) nameOf(t knownThread) string {
	if t.whole != "" || len(t.name) < commLength {
		return cmp.Or(t.whole, t.name)
	}
	return cmp.Or(r.pools[PoolName(t.name)], t.name)
}

// Cut returns threads of the last Read of whose names the kernel has only a part, under
// these names. newPools: only those in a pool without a whole name.
func (r *Reader) Cut(newPools bool) []Thread {
	var cut []Thread
	for _, t := range r.list {
		known := r.known[t.ID]
		if len(known.name) < commLength || known.whole != "" || known.tries >= maxTries ||
			newPools && r.pools[PoolName(known.name)] != "" {
			continue
		}
		cut = append(cut, Thread{t.ID, known.name})
	}
	return cut
}

// Name gives the threads of the last Read their whole names, by ID: "" for one that could
// not be found.
func (r *Reader) Name(whole map[int]string) {
	for id, name := range whole {
		t, ok := r.known[id]
		if !ok {
			continue
		}
		if t.tries++; name != "" {
			t.whole = name
			r.pools.add(t.name, name)
		}
		r.known[id] = t
	}
	for i, t := range r.list {
		r.list[i].Name = r.nameOf(r.known[t.ID])
	}
}

// Fits reports whether name can be the whole name of a thread that has the kernel's name.
func (t Thread) Fits(name string) bool {
	if len(name) <= commLength {
		return name == t.Name
	}
	head, tail, abbreviated := strings.Cut(t.Name, "..")
	return len(t.Name) == commLength &&
		(strings.HasPrefix(name, t.Name) || abbreviated && strings.HasPrefix(name, head) && strings.HasSuffix(name, tail))
}
