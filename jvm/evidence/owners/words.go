package owners

import (
	"fmt"
	"strconv"
	"strings"
)

// Name is what the blocks are attributed to: "libz (java.util.zip.Deflater)". It is "" if
// they are not named.
func (o *Owner) Name() string {
	library, class := shortLibrary(o.Library), o.Class
	if class == "" {
		class, _, _ = strings.Cut(o.JavaClass, "$") // the outer class
	}
	switch {
	case o.Relation == NotNamed:
		return ""
	case library == "" && class == "":
		return "HotSpot (" + o.Category + ")"
	case library == "":
		return class
	case class == "":
		return library
	}
	return library + " (" + class + ")"
}

// Sentence says what the blocks are, what they were named by, and in whose arenas they are.
// growth: they are new since a Snapshot.
func (o *Owner) Sentence(growth bool) string {
	of := "what is in use"
	if growth {
		of = "the growth"
	}
	var b strings.Builder
	if name := o.Name(); name != "" {
		b.WriteString(name + ": ")
	}
	fmt.Fprintf(&b, "%s, %.0f %% of %s", o.blocks(), 100*o.Share, of)
	switch by := o.by(); {
	case o.Relation == NotNamed && o.Mapped:
		b.WriteString(", of a library or of the JVM")
	case o.Relation == NotNamed:
		b.WriteString(", that nothing known refers to")
	case by != "":
		b.WriteString(", " + by)
	}
	if len(o.Threads) > 0 {
		b.WriteString("; in the malloc arenas of threads " + strings.Join(o.Threads, ", "))
	}
	return b.String()
}

// blocks are "800 blocks of 65,552 bytes": those of the size that takes the most.
func (o *Owner) blocks() string {
	switch {
	case o.Mapped && o.Relation == NotNamed:
		return "memory that was mmapped, not by malloc"
	case o.Mapped:
		return counted(o.Blocks, "mapping")
	}
	if len(o.Sizes) == 0 || o.Sizes[0].BlockBytes == 0 {
		return counted(o.Blocks, "block")
	}
	first := o.Sizes[0]
	text := fmt.Sprintf("%s of %s bytes", counted(first.Blocks, "block"), grouped(int64(first.BlockBytes)))
	if more := o.Blocks - first.Blocks; more > 0 {
		text += " and " + counted(more, "other")
	}
	return text
}

// by says what the names were found by.
func (o *Owner) by() string {
	var by []string
	if o.Relation == PointsTo {
		switch {
		case o.Class != "":
			by = append(by, "which are objects of "+o.Class)
		case o.Symbol != "":
			by = append(by, "which point to "+o.Symbol)
		default:
			by = append(by, "which point into "+o.Library)
		}
	}
	var from []string
	if o.Relation == ReferredTo {
		switch {
		case o.Class != "":
			from = append(from, o.Class)
		case o.Symbol != "":
			from = append(from, "blocks that point to "+o.Symbol)
		case o.Library != "" && o.Global == "" && o.JavaClass == "":
			from = append(from, "memory of "+o.Library)
		}
	}
	if o.Global != "" {
		from = append(from, "the variable "+o.Global)
	}
	if o.JavaClass != "" {
		from = append(from, o.JavaClass[strings.LastIndexByte(o.JavaClass, '.')+1:])
	}
	if len(from) > 0 {
		by = append(by, "referred to by "+strings.Join(from, " and "))
	}
	return strings.Join(by, ", ")
}

// shortLibrary is a library's name without version: "libz" of "libz.so.1.2.13".
func shortLibrary(file string) string {
	name, _, _ := strings.Cut(file, ".so")
	return name
}

// counted is "1 block" or "800 blocks".
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// grouped writes a number as 65,552.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
