package cause

import (
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// objectCounter counts sampled objects that are old, and calls of traced methods.
type objectCounter struct {
	source source
	sites  sites
	stack  stack
	old    []sample
	calls  []sample // of traced methods
	freed  int      // by them
	traced bool
	lastGC time.Time // start of the last collection of the old generation

	gains     *Gains // nil: not known
	allocated allocations
}

// oldCollections are the names of collections that find what is dead in the old generation. An
// object that survives others may only have been promoted.
var oldCollections = map[string]bool{
	"G1Old": true, "G1Full": true, "ParallelOld": true, "PSMarkSweep": true, "SerialOld": true, "ConcurrentMarkSweep": true,
	"Z": true, "ZGC Major": true, "Shenandoah": true,
}

// maxSamples bounds the samples of objects, of which HotSpot keeps 256 by default, maxCalls the
// calls.
const (
	maxSamples = 1 << 14
	maxCalls   = 1 << 16
)

// nearlyAll is the share of calls that a line must have if garbage may be among them.
const nearlyAll = 0.95

type sample struct {
	site       *site
	allocated  time.Time
	what, held string
}

func (c *objectCounter) event(e *jfr.Event) {
	if e.Type() == garbageCollection {
		if name, _ := e.Field("name").Text(); oldCollections[name] && e.Start.After(c.lastGC) {
			c.lastGC = e.Start
		}
		return
	}
	c.stack.frames, c.stack.truncated = e.Field("stackTrace").Frames(c.stack.frames[:0])
	switch e.Type() {
	case methodTrace:
		c.call(e)
		return
	case allocationSample, inNewTLAB, outsideTLAB:
		if c.owns(e) {
			c.allocated.add(e, c.sites.at(c.stack, nil))
		}
		return
	}
	allocated, ok := e.Time("allocationTime")
	if !ok || len(c.old) >= maxSamples || c.source.calls != nil && !c.isCall() {
		return
	}
	c.old = append(c.old, sample{
		c.sites.at(c.stack, nil), allocated, e.Field("object", "type").ClassName(), holder(e.Value),
	})
}

// owns reports whether an object that is allocated can be what leaks, or its owner.
func (c *objectCounter) owns(e *jfr.Event) bool {
	if c.source.owners == nil {
		return true
	}
	class := e.Field("objectClass").ClassName()
	return slices.Contains(c.source.owners, class) || slices.Contains(c.source.shared, class) && c.isCall()
}

// isCall reports whether an object was allocated by one of the calls that create what leaks.
func (c *objectCounter) isCall() bool {
	for _, f := range c.stack.frames {
		if folded(f) == "" {
			return false
		}
		for _, call := range c.source.calls {
			if f.Class+"::"+f.Method == call {
				return true
			}
		}
	}
	return false
}

// call counts a call of a traced method.
func (c *objectCounter) call(e *jfr.Event) {
	c.traced = true
	method := e.Field("method")
	name, _ := method.Field("name").Text()
	class := method.Field("type").ClassName()
	for _, free := range c.source.frees {
		if class+"::"+name == free {
			c.freed++
			return
		}
	}
	// The innermost frame is the caller: of this(...) it is the constructor itself.
	if len(c.stack.frames) > 0 && c.stack.frames[0].Class == class && c.stack.frames[0].Method == name {
		return
	}
	if len(c.calls) < maxCalls {
		c.calls = append(c.calls, sample{c.sites.at(c.stack, nil), e.Start, class, ""})
	}
}

func (c *objectCounter) finish(f *Finding) {
	if c.traced {
		c.judgeCalls(f)
		return
	}
	f.Sampled = true
	c.judgeObjects(f)
	if len(f.Causes) > 0 || c.gains == nil {
		return
	}
	if f.From.After(c.gains.Began) {
		f.Reason += ", and what was allocated is in an earlier file"
		return
	}
	if c.source.owners == nil {
		c.allocated.judge(f, c.gains, minGain)
		return
	}
	owners := c.gains.of(c.source.owners, c.source.shared)
	if list := owners.String(); list != "" {
		f.Notes = append(f.Notes, "live objects: "+list)
	}
	c.allocated.judge(f, owners, minOwners)
}

// judgeObjects counts the sampled objects that are old.
func (c *objectCounter) judgeObjects(f *Finding) {
	if c.lastGC.After(f.OldCollected) {
		f.OldCollected = c.lastGC
	}
	if f.OldCollected.IsZero() {
		f.Reason = "the old generation was not collected while it was recorded: it is unknown which objects stay"
		return
	}
	oldest := f.OldCollected.Add(-f.least())
	for _, s := range c.old {
		if s.allocated.Before(oldest) {
			c.sites.add(s.site, 1, s.what, s.held)
		}
	}
	c.sites.judge(f, "sampled objects that stay", 0)
}

// judgeCalls counts calls. What a collection releases counts from before the last one of the old
// generation, which released what was garbage. Without one all calls count, but then only a line
// with nearly all of them is named.
func (c *objectCounter) judgeCalls(f *Finding) {
	garbage := c.source.cleaned && c.lastGC.IsZero()
	for _, s := range c.calls {
		if !c.source.cleaned || garbage || s.allocated.Before(c.lastGC) {
			c.sites.add(s.site, 1, s.what, "")
		}
	}
	if garbage {
		f.Notes = append(f.Notes, "the old generation was not collected while it was recorded: what is garbage counts, too")
	}
	c.sites.judge(f, "calls", c.freed)
	if first := f.Causes; garbage && len(first) > 0 && first[0].Share < nearlyAll {
		f.Reason = "garbage may be counted, and no line has nearly all calls: " + first[0].Line.String()
		f.Causes = []Cause{}
	}
}

// holder returns what an object is held by: a static field, or a thread. "" if the path to a
// GC root was not recorded or ends elsewhere.
func holder(e jfr.Value) string {
	o := e.Field("object")
	for range 64 { // HotSpot records 100 of a longer path
		ref := o.Field("referrer")
		if !ref.OK() {
			return ""
		}
		o = ref.Field("object")
		class := o.Field("type").ClassName()
		description, _ := o.Field("description").Text()
		name, _ := ref.Field("field", "name").Text()
		if owner, ok := strings.CutPrefix(description, "Class Name: "); ok && class == "java.lang.Class" && name != "" {
			return "static field " + owner + "." + name
		}
	}
	return ""
}
