package malloc

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// categories returns the names of HotSpot's categories, by number.
func categories(t *testing.T, pid int) []string {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	library, err := proc.FindLibrary(maps)
	if err != nil {
		t.Fatal(err)
	}
	structs, err := vmstructs.Open(vmstructs.Options{PID: pid, Base: library.Base})
	if err != nil {
		t.Fatal(err)
	}
	defer structs.Close()
	names, err := structs.Categories()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestSplitJVM compares the headers with what NMT itself says.
func TestSplitJVM(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-XX:NativeMemoryTracking=summary", "-XX:+UseSerialGC", "-Xmx32m", "-Xint"}})
	j.Do("unsafe 8 2000")
	j.Do("unsafe 24")
	jcmd(t, j.PID) // the first one loads classes
	before := jcmd(t, j.PID)
	result, totals := split(t, j.PID)
	after := jcmd(t, j.PID)
	t.Logf("%+v", totals)
	if !totals.Complete() || result.Headers != Canaries {
		t.Fatalf("headers of kind %d, %+v", result.Headers, totals)
	}
	names := categories(t, j.PID)
	for i, name := range names {
		got := result.Categories[i]
		one, other := malloced(before, name), malloced(after, name)
		low, high := min(one, other), max(one, other)
		t.Logf("%-24s %10d bytes, by NMT %10d to %10d, %8d resident, in %6d blocks", name, got.Bytes, low, high, got.ResidentBytes, got.Blocks)
		if name == "Internal" && low > mib {
			low -= mib // the buffer of NMT's reply, from JDK 21 on
		}
		// What the JVM does between the looks is allowed for.
		if slack := max(high/100, 16<<10); got.Bytes < low-slack || got.Bytes > high+slack {
			t.Errorf("%s: %d bytes in blocks, %d to %d by NMT", name, got.Bytes, low, high)
		}
	}
	for i, c := range result.Categories[len(names):] {
		if c.Blocks > 0 {
			t.Errorf("category %d has %d blocks", i+len(names), c.Blocks)
		}
	}
	if n := result.UntrackedResidentBytes; n <= 0 || n > 2*mib {
		t.Errorf("%d bytes are untracked, want only those of the JDK and libc", n)
	}
}

// malloced is the memory of a category in blocks of its own. The arenas of all categories
// are made of chunks.
func malloced(report *nmt.Report, name string) int64 {
	c, _ := report.Category(name)
	bytes := c.MallocBytes
	if name == "Arena Chunk" {
		for _, c := range report.Categories {
			bytes += c.ArenaBytes
		}
	}
	return bytes
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
			return s.Result(JVM{NMT: "summary"}), totals
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
	const (
		site      = 12<<24 | 3<<8 | gc // of detailed headers, or what SQLite stores there
		withGuard = canary<<48 | gc<<32 | 77
	)
	for name, tt := range map[string]struct {
		second uint64 // word of a block, behind its size
		jvm    JVM
		want   Headers
	}{
		"none":                 {0x7f0012345678, JVM{8, "summary"}, NoHeaders},
		"JDK 8":                {gc, JVM{8, "summary"}, Short},
		"JDK 11 site":          {site, JVM{11, "detail"}, Short},
		"JDK unknown":          {gc, JVM{0, "summary"}, Short},
		"JDK 17":               {withGuard, JVM{17, "summary"}, Canaries},
		"JDK 17, flag unknown": {withGuard, JVM{17, ""}, Canaries},
		"all unknown":          {withGuard, JVM{}, Canaries},
		"JDK 17 off":           {withGuard, JVM{17, "off"}, NoHeaders},
		"JDK 11 with canaries": {withGuard, JVM{11, "summary"}, NoHeaders},
		"SQLite, JDK 8":        {site, JVM{8, "off"}, NoHeaders},
		"SQLite, JDK 11":       {gc, JVM{11, "off"}, NoHeaders},
		"SQLite, JDK 25":       {gc, JVM{25, "off"}, NoHeaders},
		"SQLite, JDK 25 NMT":   {gc, JVM{25, "summary"}, NoHeaders},
		"SQLite, flag unknown": {gc, JVM{8, ""}, NoHeaders},
		"SQLite, all unknown":  {gc, JVM{}, NoHeaders},
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
			got := s.Result(tt.jvm)
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

// TestUnsetSites: where NMT is not detailed, some headers have what was there before.
func TestUnsetSites(t *testing.T) {
	var s Split
	for i := range 100 {
		head := binary.LittleEndian.AppendUint64(nil, 100)
		s.Add(&Block{Addr: base, Bytes: 128, ResidentBytes: 128, Arena: base, Head: append(head, 5, byte(i), 0, 0, 0, byte(i%2), 0, 0)})
	}
	if got := s.Result(JVM{8, "summary"}); got.Headers != Short || got.Categories[5].Blocks != 100 || got.UntrackedBlocks != 0 {
		t.Errorf("%d blocks have headers of kind %d, %d have none", got.Categories[5].Blocks, got.Headers, got.UntrackedBlocks)
	}
}
