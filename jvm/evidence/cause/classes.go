package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// maxClasses and maxFrames bound the definitions that are remembered, and the frames of their
// stacks.
const (
	maxClasses = 1 << 14
	maxFrames  = 1 << 17
)

// classCounter counts loaders that are created again and again, each by its first class, and
// classes that are generated again and again in one loader. An application that loads its
// classes lazily defines each once.
type classCounter struct {
	sites    sites
	defined  []*definition
	stacks   map[int64]stack // by key; those of a leak are few
	frames   int             // in stacks
	unloaded map[int64]bool
	lost     int
}

type definition struct {
	class, loader int64  // keys
	name          string // with "#" for numbers
	loaderType    string
	at            time.Time
	stack         stack
}

// repeated is the number of loaders of a class, or of classes of a name, from which they
// count.
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
	class, loader := e.Field("definedClass"), e.Field("definingClassLoader")
	d := &definition{
		class: class.Key(), loader: loader.Key(), name: plain(class.ClassName()), loaderType: loader.Field("type").ClassName(), at: e.Start,
	}
	if strings.HasSuffix(d.loaderType, ".DelegatingClassLoader") {
		return // of reflection before JDK 18: one for each method that is called often
	}
	d.stack = c.stack(e.Field("stackTrace"))
	c.defined = append(c.defined, d)
}

// stack returns a stack trace; an empty one if there are too many.
func (c *classCounter) stack(v jfr.Value) stack {
	s, ok := c.stacks[v.Key()]
	if !ok && c.frames < maxFrames {
		s.frames, s.truncated = v.Frames(nil)
		c.frames += len(s.frames)
		put(&c.stacks, v.Key(), s)
	}
	return s
}

func (c *classCounter) finish(f *Finding) {
	slices.SortFunc(c.defined, func(a, b *definition) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.class, b.class)) })
	loaders, ofType, named := make(map[int64]bool), make(map[string]int), make(map[string]int)
	for _, d := range c.defined {
		named[d.name]++
		if !loaders[d.loader] {
			loaders[d.loader] = true
			ofType[d.loaderType]++
		}
	}
	// The code of a loader and of what it loads tells nothing: who made it load does.
	own := func(frame jfr.Frame) bool { return ofType[frame.Class] > 0 || named[plain(frame.Class)] >= repeated }
	clear(loaders)
	oldest := f.To.Add(-f.least())
	for _, d := range c.defined {
		what := d.name
		if ofType[d.loaderType] >= repeated {
			if loaders[d.loader] {
				continue
			}
			loaders[d.loader] = true
			what = d.loaderType
		} else if named[d.name] < repeated {
			continue
		}
		if d.at.Before(oldest) && !c.unloaded[d.class] {
			c.sites.add(c.sites.at(d.stack, own), 1, what, "")
		}
	}
	if c.lost > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d classes more than can be counted", c.lost))
	}
	c.sites.judge(f, "class loaders and generated classes that stay", 0)
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
