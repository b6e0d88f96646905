package malloc

import (
	"encoding/binary"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
)

// categories are those of JDK 17 (allocation.hpp, MEMORY_TYPES_DO).
var categories = []string{
	"Java Heap", "Class", "Thread", "Thread Stack", "Code", "GC", "Compiler", "JVMCI", "Internal", "Other", "Symbol",
	"Native Memory Tracking", "Shared class space", "Arena Chunk", "Test", "Tracing", "Logging", "Statistics", "Arguments",
	"Module", "Safepoint", "Synchronization", "Serviceability", "Metaspace", "String Deduplication", "Unknown",
}

// TestSplitJVM compares the headers with what NMT itself says.
func TestSplitJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC", "-Xmx32m", "-Xint"}})
	j.Do("unsafe 8 2000")
	j.Do("unsafe 24")
	jcmd(t, j.PID) // the first one loads classes
	result, totals := split(t, j.PID)
	t.Logf("%+v", totals)
	if !totals.Complete() || result.Headers != Canaries {
		t.Fatalf("headers of kind %d, %+v", result.Headers, totals)
	}
	report := jcmd(t, j.PID)
	var arenas, mallocs int64
	for _, c := range report.Categories {
		arenas += c.ArenaBytes
		mallocs += c.MallocCount
	}
	for i, name := range categories {
		got := result.Categories[i]
		want, _ := report.Category(name)
		bytes := want.MallocBytes
		if name == "Arena Chunk" { // the arenas of all categories are made of them
			bytes += arenas
		}
		t.Logf("%-24s %10d of %10d bytes, %8d resident, in %6d of %6d blocks", name, got.Bytes, bytes, got.ResidentBytes, got.Blocks, want.MallocCount)
		// What the JVM does between the two looks is allowed for.
		if diff := math.Abs(float64(got.Bytes - bytes)); diff > max(float64(bytes)/100, 16<<10) {
			t.Errorf("%s: %d bytes in blocks, %d by NMT", name, got.Bytes, bytes)
		}
	}
	for i, c := range result.Categories[len(categories):] {
		if c.Blocks > 0 {
			t.Errorf("category %d has %d blocks", i+len(categories), c.Blocks)
		}
	}
	if n := result.UntrackedResidentBytes; n <= 0 || n > 2*mib {
		t.Errorf("%d bytes are untracked, want little: nothing but the JDK.s libraries", n)
	}
}

// jcmd returns what NMT says.
func jcmd(t *testing.T, pid int) *nmt.Report {
	t.Helper()
	java, err := filepath.EvalSymlinks(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(filepath.Join(filepath.Dir(java), "jcmd"), strconv.Itoa(pid), "VM.native_memory", "summary", "scale=B").CombinedOutput()
	if err != nil {
		t.Fatalf("jcmd: %v\n%s", err, text)
	}
	report, err := nmt.Parse(string(text[len(strconv.Itoa(pid))+2:]))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// split walks through the blocks of a JVM, which runs: once more if too much was lost.
func split(t *testing.T, pid int) (Result, Totals) {
	t.Helper()
	for again := false; ; again = true {
		var s Split
		l := openLive(t, pid)
		totals, err := Walk(l.mem, l.pagemap, l.areas, ample, s.Add)
		if err != nil {
			t.Fatal(err)
		}
		if again || totals.Complete() {
			return s.Result(), totals
		}
	}
}

func TestSplit(t *testing.T) {
	block := func(bytes uint64, size uint64, second uint64) *Block {
		head := binary.LittleEndian.AppendUint64(nil, size)
		head = binary.LittleEndian.AppendUint64(head, second)
		return &Block{Addr: base, Bytes: bytes, ResidentBytes: int64(bytes), Arena: base, Head: head}
	}
	const gc = 5
	for name, tt := range map[string]struct {
		second uint64 // of an NMT header
		want   Headers
	}{
		"none":        {0x7f0012345678, NoHeaders},
		"JDK 8":       {gc, Short},
		"JDK 11 site": {12<<24 | 3<<8 | gc, Short},
		"JDK 17":      {canary<<48 | gc<<32 | 77, Canaries},
	} {
		t.Run(name, func(t *testing.T) {
			var s Split
			for range 100 {
				s.Add(block(128, 100, tt.second))
				s.Add(block(128, 100-64, tt.second))           // not of this size
				s.Add(block(128, math.MaxUint64-8, tt.second)) // nor of this
				free := block(128, 100, tt.second)
				free.State = Free
				s.Add(free)
			}
			got := s.Result()
			if got.Headers != tt.want || got.Headers == NoHeaders != (got.Categories == nil) {
				t.Fatalf("headers of kind %d, want %d", got.Headers, tt.want)
			}
			untracked := int64(300)
			if tt.want != NoHeaders {
				untracked = 200
				if c := got.Categories[gc]; c != (Category{Blocks: 100, Bytes: 100 * 100, ResidentBytes: 100 * 128}) {
					t.Errorf("%+v", c)
				}
			}
			if got.UntrackedBlocks != untracked || got.UntrackedResidentBytes != untracked*128 {
				t.Errorf("%d untracked blocks, %d bytes, want %d blocks", got.UntrackedBlocks, got.UntrackedResidentBytes, untracked)
			}
		})
	}
}
