package evidence

import (
	"context"
	"fmt"
	"sort"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// change is a row of a table, that of an earlier table with the same name (nil: it has
// none), and what it gained.
type change[T any] struct {
	now    T
	was    *T
	gained T
}

// changes compares the rows of two tables by their names, and returns the maxTypes that
// gained most.
func changes[T any](now, earlier []T, name func(T) string, gained func(now T, was *T) T, size func(T) int64) []change[T] {
	byName := make(map[string]*T)
	for i := range earlier {
		byName[name(earlier[i])] = &earlier[i]
	}
	all := make([]change[T], 0, len(now))
	for _, row := range now {
		was := byName[name(row)]
		all = append(all, change[T]{row, was, gained(row, was)})
	}
	// Of package slices the binary would have 12 KB for each type.
	sort.SliceStable(all, func(i, j int) bool { return size(all[i].gained) > size(all[j].gained) })
	return all[:min(len(all), maxTypes)]
}

func histogram(ctx context.Context, p *jvm.Process, before reading) (reading, error) {
	objects, err := evidence.Histogram(ctx, p)
	if err != nil {
		return reading{}, err
	}
	return reading{lines: objectLines(objects, before), objects: objects}, nil
}

// objectLines describes the classes whose objects grew most; without an earlier histogram
// those with the most bytes.
func objectLines(now *evidence.Objects, before reading) []string {
	var lines []string
	if before.objects == nil {
		for _, c := range now.Classes[:min(len(now.Classes), maxTypes)] {
			lines = append(lines, fmt.Sprintf("%d × %s, %s", c.Instances, c.Name, breakdown.Size(&c.Bytes)))
		}
		return lines
	}
	unlisted := before.objects.Unlisted()
	classes := changes(now.Classes, before.objects.Classes, func(c dcmd.ClassCount) string { return c.Name }, func(c dcmd.ClassCount, was *dcmd.ClassCount) dcmd.ClassCount {
		if was == nil {
			was = &dcmd.ClassCount{Bytes: unlisted}
		}
		return dcmd.ClassCount{Instances: c.Instances - was.Instances, Bytes: c.Bytes - was.Bytes}
	}, func(c dcmd.ClassCount) int64 { return c.Bytes })
	for _, c := range classes {
		if c.gained.Bytes <= 0 {
			break
		}
		gained := fmt.Sprintf("%+d %s, %s", c.gained.Instances, c.now.Name, breakdown.SignedSize(c.gained.Bytes))
		if c.was == nil && unlisted > 0 { // how many there were is unknown
			gained = fmt.Sprintf("%s, at least %s", c.now.Name, breakdown.SignedSize(c.gained.Bytes))
		}
		lines = append(lines, fmt.Sprintf("%s in %s: now %d with %s", gained, since(before), c.now.Instances, breakdown.Size(&c.now.Bytes)))
	}
	switch {
	case len(lines) == 0:
		lines = append(lines, "no class has more bytes of objects than "+since(before)+" before")
	case now.Unreachable == nil || *now.Unreachable:
		lines = append(lines, "objects that nothing refers to any more are counted too")
	}
	return lines
}
