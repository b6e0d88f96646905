package vmstructs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/ranges"
)

func TestCollectors(t *testing.T) {
	for _, gc := range []string{"Serial", "Parallel", "G1", "Z"} {
		t.Run(gc, func(t *testing.T) {
			t.Parallel()
			j := startJVM(t, 10, "-XX:+Use"+gc+"GC")
			heap, cache, info := j.jcmd(t, "GC.heap_info"), j.jcmd(t, "Compiler.codecache"), j.jcmd(t, "VM.info")
			r := j.open(t)
			got := read1(t, r)
			checkHeap(t, got, heap, gc)
			checkCode(t, got, cache)
			checkClassSpace(t, got, info)
			checkThreads(t, j, got)
			checkNames(t, j, r, got)
			cards := ofKind(got.Ranges, ranges.GC)
			if want := map[string]int{"Serial": 1, "Parallel": 1, "G1": 1, "Z": 0}[gc]; len(cards) != want {
				t.Fatalf("card tables: %x, want %d", cards, want)
			}
			if gc == "G1" {
				// VM.info: "Card table byte_map: [0x…,0x…] _byte_map_base: 0x…"
				want := addresses(t, regexp.MustCompile(`Card table byte_map: \[(0x\w+),(0x\w+)\]`), info)
				if cards[0].Start != want[0] || cards[0].End != want[1] {
					t.Errorf("card table %x, want %x", cards, want)
				}
			}
		})
	}
}

// addresses returns the submatches of the only match.
func addresses(t *testing.T, re *regexp.Regexp, text string) []uint64 {
	t.Helper()
	match := re.FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %v in:\n%s", re, text)
	}
	var out []uint64
	for _, s := range match[1:] {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func ofKind(list []ranges.Range, kind ranges.Kind) []ranges.Range {
	return slices.DeleteFunc(slices.Clone(list), func(r ranges.Range) bool { return r.Kind != kind })
}

func checkHeap(t *testing.T, got Snapshot, info, gc string) {
	t.Helper()
	heap := ofKind(got.Ranges, ranges.Heap)
	if gc == "Z" {
		if len(heap) != 0 {
			t.Errorf("heap %x: ZGC has no reserved range to report", heap)
		}
		return
	}
	low, high := uint64(math.MaxUint64), uint64(0)
	for _, s := range regexp.MustCompile(`0x[0-9a-f]{16}`).FindAllString(info, -1) {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		low, high = min(low, n), max(high, n)
	}
	if want := []ranges.Range{{Start: low, End: high, Kind: ranges.Heap}}; !slices.Equal(heap, want) {
		t.Errorf("heap %x, want %x", heap, want)
	}
}

func checkCode(t *testing.T, got Snapshot, cache string) {
	t.Helper()
	code := ofKind(got.Ranges, ranges.Code)
	bounds := regexp.MustCompile(`bounds \[(0x\w+), 0x\w+, (0x\w+)\]`).FindAllString(cache, -1)
	if len(bounds) == 0 || len(code) != 2*len(bounds) {
		t.Fatalf("%d code ranges, %d code heaps reported", len(code), len(bounds))
	}
	for _, b := range bounds {
		a := addresses(t, regexp.MustCompile(`\[(0x\w+), 0x\w+, (0x\w+)\]`), b)
		if !slices.Contains(code, ranges.Range{Start: a[0], End: a[1], Kind: ranges.Code}) {
			t.Errorf("no code heap %x in %x", a, code)
		}
	}
}

func checkClassSpace(t *testing.T, got Snapshot, info string) {
	t.Helper()
	space := addresses(t, regexp.MustCompile(`Compressed class space mapped at: (0x\w+)-(0x\w+)`), info)
	if want := []ranges.Range{{Start: space[0], End: space[1], Kind: ranges.ClassSpace}}; !slices.Equal(ofKind(got.Ranges, ranges.ClassSpace), want) {
		t.Errorf("class space %x, want %x", ofKind(got.Ranges, ranges.ClassSpace), want)
	}
	archive := addresses(t, regexp.MustCompile(`CDS archive\(s\) mapped at: \[(0x\w+)-\w+-(0x\w+)\)`), info)
	if want := []ranges.Range{{Start: archive[0], End: archive[1], Kind: ranges.CDS}}; !slices.Equal(ofKind(got.Ranges, ranges.CDS), want) {
		t.Errorf("archive %x, want %x", ofKind(got.Ranges, ranges.CDS), want)
	}
}

// checkThreads compares with what Thread.print says, and each stack with the
// stack pointer that the kernel reports for a thread in a system call.
func checkThreads(t *testing.T, j *jvm, got Snapshot) {
	t.Helper()
	if want, ids := printedThreads(t, j.jcmd(t, "Thread.print")), threadIDs(got); !slices.Equal(ids, want) {
		t.Errorf("threads %v, want %v", ids, want)
	}
	stacks := ofKind(got.Ranges, ranges.Stack)
	if len(stacks) != len(got.Threads) {
		t.Errorf("%d stacks of %d threads", len(stacks), len(got.Threads))
	}
	checked := 0
	for _, thread := range got.Threads {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", j.pid, thread.OSThreadID))
		if err != nil {
			t.Errorf("no task of the process: %v", err)
			continue
		}
		words := strings.Fields(string(text))
		if len(words) < 3 {
			continue // it runs
		}
		pointer, err := strconv.ParseUint(words[len(words)-2], 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		if pointer < thread.StackStart || pointer >= thread.StackEnd {
			t.Errorf("thread %d has its stack pointer at %#x, outside of %#x to %#x", thread.OSThreadID, pointer, thread.StackStart, thread.StackEnd)
		}
		checked++
	}
	if checked < 10 {
		t.Errorf("only %d threads were in a system call", checked)
	}
}

func threadIDs(s Snapshot) []int {
	var out []int
	for _, thread := range s.Threads {
		out = append(out, thread.OSThreadID)
	}
	slices.Sort(out)
	return out
}

// printedThreads returns the thread IDs of Java threads, which alone have a
// number: `"main" #1 … nid=0x2a` (decimal from JDK 19 on).
func printedThreads(t *testing.T, print string) []int {
	t.Helper()
	var out []int
	for _, match := range regexp.MustCompile(`(?m)^".*" #\d+.* nid=(\w+) `).FindAllStringSubmatch(print, -1) {
		id, err := strconv.ParseInt(match[1], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, int(id))
	}
	slices.Sort(out)
	return out
}

// checkNames compares the names of threads with Thread.print. "main" has another name for
// the kernel.
func checkNames(t *testing.T, j *jvm, r *Reader, got Snapshot) {
	t.Helper()
	whole := make(map[int]string)
	for _, match := range regexp.MustCompile(`(?m)^"(.*)" #\d+.* nid=(\w+) `).FindAllStringSubmatch(j.jcmd(t, "Thread.print"), -1) {
		id, err := strconv.ParseInt(match[2], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		whole[int(id)] = match[1]
	}
	cut := 0
	for _, thread := range got.Threads {
		want := whole[thread.OSThreadID]
		start := want[:min(len(want), 15)]
		fits := func(name string) bool { return strings.HasPrefix(name, start) }
		if name, err := r.Name(thread, fits); err != nil || name != want {
			t.Errorf("name %q, %v, want %q", name, err, want)
		}
		if want != start {
			cut++
		}
		if name, err := r.Name(thread, func(string) bool { return false }); !errors.Is(err, ErrNoName) {
			t.Errorf("a name that does not fit: %q, %v", name, err)
		}
	}
	if cut < 3 {
		t.Errorf("only %d of %d names are longer than 15 characters", cut, len(whole))
	}
}

func TestFlags(t *testing.T) {
	names := []string{
		"MaxHeapSize", "MaxMetaspaceSize", "ReservedCodeCacheSize", "MaxDirectMemorySize", "ThreadStackSize",
		"NativeMemoryTracking", "UseG1GC", "DisableAttachMechanism", "ReduceSignalUsage", "MaxRAMPercentage",
		"ConcGCThreads", "MinHeapFreeRatio", "SoftMaxHeapSize", "ErrorFile", "CICompilerCount",
	}
	j := startJVM(t, 0, "-XX:+UseG1GC", "-XX:NativeMemoryTracking=summary", "-XX:MaxDirectMemorySize=12345678")
	r := j.open(t, append(names, "NoSuchFlag")...)
	checkFlags(t, r, names, j.jcmd(t, "VM.flags", "-all"))
	if _, err := r.Flag("NoSuchFlag"); !errors.Is(err, ErrNoFlag) {
		t.Errorf("a flag that is not there: %v", err)
	}
	if _, err := r.Flag("AlwaysPreTouch"); !errors.Is(err, ErrNoFlag) {
		t.Errorf("a flag that was not listed: %v", err)
	}
	j.jcmd(t, "VM.set_flag", "SoftMaxHeapSize", "100000000")
	if got, err := r.Flag("SoftMaxHeapSize"); err != nil || got.Value != uint64(100000000) {
		t.Errorf("after it was set: %v, %v", got, err)
	}
}

// checkFlags compares with a VM.flags table: `size_t MaxHeapSize = 268435456 {product}`.
func checkFlags(t *testing.T, r *Reader, names []string, flags string) {
	t.Helper()
	for _, name := range names {
		want := regexp.MustCompile(`(?m)^ *(\w+) ` + name + ` +:?= *(.*?) *\{`).FindStringSubmatch(flags)
		if want == nil {
			t.Errorf("VM.flags has no %s", name)
			continue
		}
		got, err := r.Flag(name)
		if err != nil {
			t.Error(err)
			continue
		}
		text := fmt.Sprint(got.Value)
		switch value := got.Value.(type) {
		case nil:
			text = ""
		case float64:
			text = fmt.Sprintf("%f", value)
		}
		if got.Type != want[1] || text != want[2] {
			t.Errorf("%s: %s %q, want %s %q", name, got.Type, text, want[1], want[2])
		}
	}
}

func TestVersion(t *testing.T) {
	j := startJVM(t, 0)
	got, err := j.open(t).Version()
	if err != nil {
		t.Fatal(err)
	}
	// "OpenJDK 64-Bit Server VM version 17.0.15+6-Debian-1deb12u1\nJDK 17.0.15"
	text := j.jcmd(t, "VM.version")
	if !strings.Contains(text, "VM version "+got.Release+"\n") || !strings.Contains(text, fmt.Sprintf("\nJDK %d.", got.Feature)) {
		t.Errorf("%+v, want %s", got, text)
	}
}

func TestProcessEnds(t *testing.T) {
	j := startJVM(t, 0)
	r := j.open(t, "MaxHeapSize")
	read1(t, r)
	if err := j.process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Nobody waited for it yet: it stays a zombie.
	deadline := time.Now().Add(30 * time.Second)
	var err error
	for err == nil && time.Now().Before(deadline) {
		_, err = r.Read(false)
	}
	if !errors.Is(err, ErrGone) {
		t.Errorf("Read: %v", err)
	}
	if _, err := r.Flag("MaxHeapSize"); !errors.Is(err, ErrGone) {
		t.Errorf("Flag: %v", err)
	}
	if _, err := r.Version(); !errors.Is(err, ErrGone) {
		t.Errorf("Version: %v", err)
	}
	if _, err := Open(Options{PID: j.pid, Base: j.base}); !errors.Is(err, ErrGone) {
		t.Errorf("Open of a zombie: %v", err)
	}
	j.process.Wait()
	if _, err := Open(Options{PID: j.pid, Base: j.base}); !errors.Is(err, ErrGone) {
		t.Errorf("Open of nothing: %v", err)
	}
}

func TestNoJVM(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	for {
		if maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid)); err != nil {
			t.Fatal(err)
		} else if strings.Contains(string(maps), "libc.so") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := Open(Options{PID: pid, Base: mappedAt(t, pid, "libc.so")}); !errors.Is(err, ErrNotHotSpot) {
		t.Errorf("libc: %v", err)
	}
	if _, err := Open(Options{PID: pid, Base: 0x10000}); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("nothing mapped: %v", err)
	}
}

func BenchmarkRead200Threads(b *testing.B) {
	j := startJVM(b, 200)
	r := j.open(b)
	if got := read1(b, r); len(got.Threads) < 200 {
		b.Fatalf("%d threads", len(got.Threads))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	j := startJVM(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(Options{PID: j.pid, Base: j.base})
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
