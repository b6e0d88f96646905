package vmstructs

// fewClasses are how many classes more need no look, while no memory was reserved for classes and none
// was unloaded: at 6 KiB each, or 1 KiB of the class space, they are within what is added around the others
// (2 MiB, nodeBytes of package ranges).
const fewClasses = 200

// ClassCounts are what a JVM reports of its classes.
type ClassCounts struct {
	Loaded, Unloaded int64 // since it started
	// ReservedBytes is what NMT says is reserved for them; 0: it is off.
	ReservedBytes int64
}

// MetadataCache keeps the Metadata of a JVM until it may have changed. It begins empty.
type MetadataCache struct {
	found Metadata
	at    *ClassCounts
}

// Find returns the Metadata: by the counts of now (nil: unknown), unless renew, that found before may
// still show where metaspace is. It is empty if nothing was found.
func (c *MetadataCache) Find(r *Reader, now *ClassCounts, renew bool) Metadata {
	if renew || !c.shows(now) {
		c.at = now
		c.found, _ = r.Metadata(MaxClasses)
	}
	return c.found
}

// shows reports whether what was found shows where metaspace is now.
func (c *MetadataCache) shows(now *ClassCounts) bool {
	if c.at == nil || now == nil || len(c.found.Classes) == 0 || now.Unloaded != c.at.Unloaded || now.ReservedBytes != c.at.ReservedBytes {
		return false
	}
	added := now.Loaded - c.at.Loaded
	return added == 0 || now.ReservedBytes > 0 && added <= fewClasses
}
