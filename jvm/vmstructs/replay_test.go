package vmstructs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// replayFlags exist on JDK 8 to 28.
func replayFlags() []string {
	return []string{"MaxHeapSize", "MaxMetaspaceSize", "ReservedCodeCacheSize", "ThreadStackSize", "NativeMemoryTracking", "UseG1GC", "ConcGCThreads", "MaxRAMPercentage", "CICompilerCount", "DisableAttachMechanism"}
}

// TestRecordings compares what recorded JVMs hold with what they said
// themselves when they were recorded.
func TestRecordings(t *testing.T) {
	tests := []struct {
		name       string
		feature    int
		heap       bool
		archive    bool
		classSpace bool
		cards      bool
	}{
		{"jdk8-g1", 8, true, false, false, true},
		{"jdk8-serial", 8, true, false, false, true},
		{"jdk11-g1", 11, true, false, true, true},
		{"jdk11-cms-cds", 11, true, true, false, true},
		{"jdk17-g1", 17, true, true, true, true},
		{"jdk17-g1-arm64-4k", 17, true, true, true, true},
		{"jdk17-g1-arm64-16k", 17, true, true, true, true},
		{"jdk17-g1-arm64-64k", 17, true, true, true, true},
		{"jdk17-shenandoah-dynamic", 17, true, true, true, false},
		{"jdk17-zgc-nocds", 17, false, false, false, false},
		{"jdk21-parallel", 21, true, true, true, true},
		{"jdk25-g1-compact", 25, true, true, true, true},
		{"jdk26-g1", 26, true, true, true, true},
		{"jdk27-serial-nocds", 27, true, false, true, true},
		{"jdk28-g1", 28, true, true, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			memory := loadRecording(t, test.name)
			r, err := open(memory, Options{Base: memory.base, Flags: replayFlags()}, recordUnit, 1)
			if err != nil {
				t.Fatal(err)
			}
			got := read1(t, r)
			told := func(file string) string {
				return jvmtest.CaptureText(t, filepath.Join("testdata", test.name, file))
			}
			nmt := told("native_memory.txt")
			for _, kind := range []struct {
				kind     ranges.Kind
				category string
				there    bool
				whole    bool // the JVM has no other range of the category
			}{
				{ranges.Heap, "Java Heap", test.heap, true},
				{ranges.Code, "Code", true, true},
				{ranges.CDS, "Shared class space", test.archive, false},
				{ranges.ClassSpace, "Class", test.classSpace, false},
				{ranges.GC, "GC", test.cards, false},
				{ranges.Stack, "Thread Stack", true, false},
			} {
				list := ofKind(got.Ranges, kind.kind)
				if len(list) > 0 != kind.there {
					t.Errorf("%v: %x", kind.kind, list)
				}
				reserved := reservedFor(t, nmt, kind.category)
				checkInside(t, list, reserved)
				if kind.whole && kind.there && bytesOf(list) != bytesOf(reserved) {
					t.Errorf("%v: %x, reported %x", kind.kind, list, reserved)
				}
			}
			checkSpace(t, ofKind(got.Ranges, ranges.ClassSpace), reservedFor(t, nmt, "Class"))
			if want, ids := printedThreads(t, told("thread_print.txt")), threadIDs(got); !slices.Equal(ids, want) {
				t.Errorf("threads %v, want %v", ids, want)
			}
			checkFlags(t, r, replayFlags(), told("flags.txt"))
			if version, err := r.Version(); err != nil || version.Feature != test.feature || !strings.Contains(told("version.txt"), "VM version "+version.Release+"\n") {
				t.Errorf("version %+v, %v", version, err)
			}
		})
	}
}

// reservedFor returns the ranges of one category of VM.native_memory detail,
// joined where they touch.
func reservedFor(t *testing.T, nmt, category string) []ranges.Range {
	t.Helper()
	var all []ranges.Range
	for _, match := range regexp.MustCompile(`(?m)^\[(0x\w+) - (0x\w+)\] reserved .*KB for `+category+`( from)?$`).FindAllStringSubmatch(nmt, -1) {
		start, err := strconv.ParseUint(match[1], 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		end, err := strconv.ParseUint(match[2], 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ranges.Range{Start: start, End: end})
	}
	var out []ranges.Range
	for _, r := range ranges.Merge(all) {
		if n := len(out); n > 0 && out[n-1].End == r.Start {
			out[n-1].End = r.End
		} else {
			out = append(out, r)
		}
	}
	return out
}

func checkInside(t *testing.T, list, reserved []ranges.Range) {
	t.Helper()
	for _, r := range list {
		i := ranges.Find(reserved, r.Start)
		if i == len(reserved) || r.Start < reserved[i].Start || r.End > reserved[i].End {
			t.Errorf("%v %#x to %#x is not inside of %x", r.Kind, r.Start, r.End, reserved)
		}
	}
}

func bytesOf(list []ranges.Range) (n uint64) {
	for _, r := range ranges.Merge(list) {
		n += r.End - r.Start
	}
	return n
}

// checkSpace wants the class space, which was worked out, to be exactly one of
// the reservations.
func checkSpace(t *testing.T, space, reserved []ranges.Range) {
	t.Helper()
	for _, s := range space {
		if !slices.Contains(reserved, ranges.Range{Start: s.Start, End: s.End}) {
			t.Errorf("class space %#x to %#x is not one of %x", s.Start, s.End, reserved)
		}
	}
}
