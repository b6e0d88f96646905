package dcmd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/jvm/ranges"
)

// MetaspaceUsage is the sizes in one reply to VM.metaspace.
//
// HotSpot rounds to two decimals of the unit printed (to 5 KiB above 1 MB, to 5 MiB
// above 1 GB) unless the command had "scale=1". Committed is exact if the reply lists
// the nodes, used to the KiB from JDK 25 on.
type MetaspaceUsage struct {
	// NonClass is metaspace without the compressed class space.
	NonClass SpaceUsage

	// ClassSpace is the compressed class space; nil if the JVM has none.
	ClassSpace *SpaceUsage

	// Loaders, Classes and SharedClasses (those of Classes that come from a CDS
	// archive) are nil in the reply to "VM.metaspace basic"; SharedClasses also
	// if there is no archive.
	Loaders, Classes, SharedClasses *int64
}

// SpaceUsage is one part of metaspace. A field is nil if its line is missing.
type SpaceUsage struct {
	// UsedBytes holds metadata, CommittedBytes may be touched, ReservedBytes is
	// address space.
	UsedBytes, CommittedBytes, ReservedBytes *int64
}

// ParseMetaspaceBasic parses the reply to "VM.metaspace basic" (or any other
// form of VM.metaspace) for its sizes.
func ParseMetaspaceBasic(text string) (MetaspaceUsage, error) {
	_, usage, err := parseMetaspace(text)
	return usage, err
}

// ParseMetaspace parses the reply to "VM.metaspace show-loaders=false
// vslist=true": the ranges of all nodes (reserved), sorted
// and disjoint, and the sizes. A reply without any node is an error.
func ParseMetaspace(text string) ([]ranges.Range, MetaspaceUsage, error) {
	list, usage, err := parseMetaspace(text)
	if err == nil && len(list) == 0 {
		return nil, MetaspaceUsage{}, fmt.Errorf("parse VM.metaspace: no virtual space list")
	}
	return list, usage, err
}

// block is the part of the report that a line belongs to.
type block uint8

const (
	otherBlock   block = iota
	usageBlock         // "Usage:", "Total Usage - ...:"
	virtualBlock       // "Virtual space:"
	nodesBlock         // "Virtual space lists:", "Virtual space list:"
)

// metaspaceParser collects the two parts until the end, where the class space
// turns out to exist or not.
type metaspaceParser struct {
	usage              MetaspaceUsage
	nonClass, class    SpaceUsage
	inClass            bool   // in nodesBlock: below the heading of the class space
	committed          *int64 // by the nodes, non-class
	committedClass     *int64 // by the nodes, class space
	exactAll, exactCls *int64 // used, in K: both parts, and the class space
	ranges             []ranges.Range
}

func parseMetaspace(text string) ([]ranges.Range, MetaspaceUsage, error) {
	var p metaspaceParser
	at := otherBlock
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "Usage:":
			at = usageBlock
		case strings.HasPrefix(line, "Total Usage"):
			at = usageBlock
			p.counts(line)
		case line == "Virtual space:":
			at = virtualBlock
		case line == "Virtual space lists:", line == "Virtual space list:":
			at = nodesBlock
		case strings.HasPrefix(line, "Chunk freelist"), strings.HasPrefix(line, "Waste"):
			at = otherBlock
		case at == otherBlock:
			p.exact(line)
		case at == nodesBlock:
			p.node(line)
		default:
			p.row(line, at)
		}
	}
	return p.finish(text)
}

// counts parses "Total Usage - 71 loaders, 1594 classes (854 shared):".
func (p *metaspaceParser) counts(line string) {
	fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ,():", r) })
	for i := 1; i < len(fields); i++ {
		n, err := strconv.ParseInt(fields[i-1], 10, 64)
		if err != nil || n < 0 {
			continue
		}
		switch fields[i] {
		case "loaders", "loader":
			p.usage.Loaders = &n
		case "classes", "class":
			p.usage.Classes = &n
		case "shared":
			p.usage.SharedClasses = &n
		}
	}
}

// exact parses "Metaspace used 3997K, ..." and "class space used 381K, ...".
func (p *metaspaceParser) exact(line string) {
	for _, f := range []struct {
		name  string
		value **int64
	}{{"Metaspace ", &p.exactAll}, {"class space ", &p.exactCls}} {
		if n, ok := amountAfter(line, " used "); ok && strings.HasPrefix(line, f.name) {
			*f.value = &n
		}
	}
}

// row reads one line of the first two blocks, "Non-class space: 8.00 MB
// reserved, 4.50 MB ( 56%) committed". A JVM without class space prints no label.
func (p *metaspaceParser) row(line string, at block) {
	label, values, ok := strings.Cut(line, ":")
	if !ok || label != "" && label[0] >= '0' && label[0] <= '9' { // "234 chunks, ..., deallocated: 104 blocks"
		label, values = "", line
	}
	space := &p.nonClass
	switch strings.ToLower(label) {
	case "", "non-class", "non-class space":
	case "class", "class space":
		space = &p.class
	default:
		return
	}
	for part := range strings.SplitSeq(values, ",") {
		n, what, ok := parseAmount(part)
		if !ok {
			continue
		}
		if i := strings.LastIndexByte(what, ')'); i >= 0 {
			what = what[i+1:]
		}
		switch what = strings.Trim(what, " ."); {
		// The usage block's committed is that of the chunks in use only.
		case what == "used" && at == usageBlock:
			space.UsedBytes = &n
		case what == "committed" && at == virtualBlock:
			space.CommittedBytes = &n
		case what == "reserved" && at == virtualBlock:
			space.ReservedBytes = &n
		}
	}
}

// node reads headings and nodes of the virtual space lists:
//
//	JDK 11:    [0x00007f6261400000, 0x00007f626186b800, 0x00007f6261880000, 0x00007f6261c00000)
//	JDK 17 on: - node #0: base 0x00007fa85f000000: reserved=65536.00 KB, committed=3904.00 KB (  6%), used=...
func (p *metaspaceParser) node(line string) {
	switch line {
	case "Non-Class:":
		p.inClass = false
		return
	case "Class:":
		p.inClass = true
		return
	}
	var start, end uint64
	var committed int64
	switch {
	case strings.HasPrefix(line, "["):
		a := addresses(line)
		if len(a) != 4 {
			return
		}
		start, end, committed = a[0], a[3], span(a[0], a[2])
	case strings.HasPrefix(line, "- node #"):
		base, okBase := addressAfter(line, "base ")
		size, okSize := amountAfter(line, "reserved=")
		n, ok := amountAfter(line, "committed=")
		if !okBase || !okSize || !ok || base+uint64(size) < base {
			return
		}
		start, end, committed = base, base+uint64(size), n
	}
	if start >= end {
		return
	}
	kind, sum := ranges.Metaspace, &p.committed
	if p.inClass {
		kind, sum = ranges.ClassSpace, &p.committedClass
	}
	*sum = plus(*sum, committed)
	p.ranges = append(p.ranges, ranges.Range{Start: start, End: end, Kind: kind})
}

func (p *metaspaceParser) finish(text string) ([]ranges.Range, MetaspaceUsage, error) {
	if p.nonClass == (SpaceUsage{}) {
		return nil, MetaspaceUsage{}, fmt.Errorf("parse VM.metaspace: not a reply to it: %.80q", text)
	}
	if p.exactAll != nil {
		used := *p.exactAll
		if p.exactCls != nil {
			p.class.UsedBytes = p.exactCls
			used = max(0, used-*p.exactCls)
		}
		p.nonClass.UsedBytes = &used
	}
	if p.committed != nil {
		p.nonClass.CommittedBytes = p.committed
	}
	if p.committedClass != nil {
		p.class.CommittedBytes = p.committedClass
	}
	p.usage.NonClass = p.nonClass
	if p.class != (SpaceUsage{}) {
		p.usage.ClassSpace = &p.class
	}
	return ranges.Merge(p.ranges), p.usage, nil
}
