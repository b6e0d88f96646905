package cause

import (
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// maxClasses bounds the definitions that are remembered.
const maxClasses = 1 << 16

// classCounter counts classes that are defined again and again: by loaders that are created
// again and again, or generated in one loader. An application that loads its classes lazily
// defines each once.
type classCounter struct {
	sites    sites
	frames   []jfr.Frame
	defined  []definition
	unloaded map[int64]bool
	named    map[string]int // definitions by name with "#" for its numbers
	lost     int
}

type definition struct {
	class  int64 // key
	name   string
	loader string
	at     time.Time
	frames []jfr.Frame
}

// repeated is the number of definitions by name from which they count.
const repeated = 3

func (c *classCounter) event(e *jfr.Event) {
	if e.Type() == classUnload {
		put(&c.unloaded, e.Field("unloadedClass").Key(), true)
		return
	}
	if len(c.defined) >= maxClasses {
		c.lost++
		return
	}
	class := e.Field("definedClass")
	c.frames, _ = e.Field("stackTrace").Frames(c.frames[:0])
	d := definition{class.Key(), plain(class.ClassName()), e.Field("definingClassLoader", "type").ClassName(), e.Start, nil}
	d.frames = append(d.frames, c.frames...)
	c.defined = append(c.defined, d)
	if c.named == nil {
		c.named = make(map[string]int)
	}
	c.named[d.name]++
}

func (c *classCounter) finish(f *Finding) {
	loaders := make(map[string]bool)
	for _, d := range c.defined {
		if c.named[d.name] >= repeated {
			loaders[d.loader] = true
		}
	}
	own := func(frame jfr.Frame) bool { return loaders[frame.Class] || c.named[plain(frame.Class)] >= repeated }
	oldest := f.old()
	for _, d := range c.defined {
		if c.named[d.name] < repeated || c.unloaded[d.class] || !d.at.Before(oldest) {
			continue
		}
		c.sites.add(c.sites.at(d.frames, own), 1, d.name, "")
	}
	c.sites.judge(f, "classes that stay", 0)
}

// plain replaces the numbers in the name of a class.
func plain(name string) string {
	name, _, _ = strings.Cut(name, "/0x") // a hidden class
	name, _, _ = strings.Cut(name, "+0x")
	var b strings.Builder
	digits := false
	for _, r := range name {
		if r >= '0' && r <= '9' {
			if !digits {
				b.WriteByte('#')
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(r)
	}
	return b.String()
}
