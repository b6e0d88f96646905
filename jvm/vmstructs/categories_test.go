package vmstructs

import (
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"testing"
)

// TestCategories compares the names with those in NMT's report, which are in the order of
// their numbers.
func TestCategories(t *testing.T) {
	j := startJVM(t, 1, "-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC")
	names, err := j.open(t).Categories()
	if err != nil {
		t.Fatal(err)
	}
	var reported []string
	for _, match := range regexp.MustCompile(`(?m)^- *(\S.*\S) \(reserved=`).FindAllStringSubmatch(j.jcmd(t, "VM.native_memory"), -1) {
		reported = append(reported, match[1])
	}
	t.Logf("%q, of which NMT reports %q", names, reported)
	at := -1
	for _, name := range reported {
		if next := slices.Index(names, name); next <= at {
			t.Errorf("%q is number %d, and the one before it is %d", name, next, at)
		} else {
			at = next
		}
	}
	if len(reported) < fewestCategories {
		t.Errorf("NMT reported %q", reported)
	}
}

// library returns a library whose variables are the offsets of texts, or numbers.
func library(texts []string, variables ...int) *Reader {
	const base = 0x7f0000000000
	var offsets []uint64
	var content []byte
	for _, text := range texts {
		offsets = append(offsets, base+uint64(len(content)))
		content = append(append(content, text...), 0)
	}
	content = append(content, make([]byte, pageBytes-len(content)%pageBytes)...) // constants are in pages of their own
	start := uint64(base + len(content))
	for _, v := range variables {
		word := uint64(v)
		if v < len(offsets) {
			word = offsets[v]
		}
		content = binary.LittleEndian.AppendUint64(content, word)
	}
	end := uint64(base + len(content))
	m := memory{&recording{pieces: []piece{{base, content}}}}
	return &Reader{memory: m, start: base, end: end, dataStart: start, dataEnd: end}
}

func TestCategoriesOf(t *testing.T) {
	texts := []string{"Java Heap", "Class", "Thread", "Thread Stack", "Code", "GC", "Compiler", "Internal", "Other", "Symbol", "NMT", "Test", "Unknown", "mtX", "odd\x01"}
	plain := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	pairs := []int{13, 13, 99}
	for _, i := range plain {
		pairs = append(pairs, 13, i)
	}
	for name, tt := range map[string]struct {
		variables []int
		found     bool
	}{
		"as in JDK 17":         {slices.Concat([]int{13, 99}, plain, []int{13}), true},
		"as in JDK 21":         {pairs, true},
		"after another":        {slices.Concat([]int{0, 2, 2, 2}, plain), true},
		"too few":              {[]int{0, 1, 2, 12}, false},
		"no end":               {plain[:12], false},
		"a text that is none":  {append(slices.Clone(plain[:8]), 14, 9, 10, 11, 12), false},
		"a number in between":  {append(slices.Clone(plain[:8]), 99, 9, 10, 11, 12), false},
		"no variables":         {nil, false},
		"another second entry": {append([]int{0, 2}, plain[2:]...), false},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := library(texts, tt.variables...).Categories()
			if tt.found && (err != nil || !slices.Equal(names, texts[:13])) || !tt.found && !errors.Is(err, ErrNoCategories) {
				t.Errorf("%q, %v", names, err)
			}
		})
	}
}

// FuzzCategories: whatever the variables are, the names are plausible and the work is bounded.
func FuzzCategories(f *testing.F) {
	f.Add([]byte("Java Heap\x00Class\x00Unknown"), []byte{0, 10, 16, 0, 10, 16, 0, 10, 16, 0, 10, 16, 0, 10, 16})
	f.Fuzz(func(t *testing.T, content, variables []byte) {
		const base = 0x7f0000000000
		content = append(slices.Clone(content), 0)
		start := uint64(base + len(content))
		for _, v := range variables {
			content = binary.LittleEndian.AppendUint64(content, base+uint64(v))
		}
		end := uint64(base + len(content))
		source := &counted{source: &recording{pieces: []piece{{base, content}}}}
		r := &Reader{memory: memory{source}, start: base, end: end, dataStart: start, dataEnd: end}
		names, err := r.Categories()
		if most := int64(2*len(content) + 64*(len(variables)+2*maxCategories)*(1+len(variables))); source.bytes > most {
			t.Errorf("%d bytes were read", source.bytes)
		}
		if (err == nil) != (len(names) >= fewestCategories) || len(names) > maxCategories {
			t.Errorf("%q, %v", names, err)
		}
	})
}
