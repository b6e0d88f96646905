package jvm

import "github.com/jvmem/jvmem/jvm/vmstructs"

// classes is where classes are, by which metaspace is found where no command reports it.
type classes struct {
	found vmstructs.Metadata
	at    classCounts
}

// classCounts are what the JVM reported of its classes.
type classCounts struct {
	loaded, unloaded int64 // since the JVM started
	// reservedBytes is what NMT says is reserved for them, 0: it is off.
	reservedBytes int64
}

const (
	// maxClasses bounds the classes that are looked at: 2 µs each.
	maxClasses = 20_000
	// fewClasses are how many new ones need no look, while no memory was reserved for classes and none
	// was freed: they are near the others, within what ranges.findMetaspace adds.
	fewClasses = 500
)

func (a *Answers) classCounts() (n classCounts, ok bool) {
	if a.loaded == nil || a.unloaded == nil {
		return n, false
	}
	n = classCounts{loaded: *a.loaded, unloaded: *a.unloaded}
	if a.Facts.Report != nil {
		of, _ := a.Facts.Report.Category("Class")
		n.reservedBytes = of.MmapReservedBytes
	}
	return n, true
}

// show reports whether the classes found before show where metaspace is now.
func (c *classes) show(a *Answers) bool {
	now, ok := a.classCounts()
	switch added := now.loaded - c.at.loaded; {
	case !ok, len(c.found.Classes) == 0, a.renew, now.unloaded != c.at.unloaded, now.reservedBytes != c.at.reservedBytes:
		return false
	case now.reservedBytes == 0:
		return added == 0
	default:
		return added <= fewClasses
	}
}

// read looks for the classes. Without them metaspace is not found.
func (c *classes) read(structs *vmstructs.Reader, a *Answers) {
	c.at, _ = a.classCounts()
	c.found, _ = structs.Metadata(maxClasses)
}
