package trial

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const mib = 1 << 20

// PoolName is the name of the threads of the workload. The kernel has 15 characters of it.
const PoolName = "http-nio-8080-exec"

// JVMFlags are the flags of every JVM. The heap is large enough that no collection happens,
// which would touch bitmaps and free pages, and only the code of `jit` is compiled, as
// compilers allocate and free memory at any time.
func JVMFlags(collector, nmt string) []string {
	flags := []string{
		"-XX:NativeMemoryTracking=" + nmt, "-Xmx256m", "-XX:MetaspaceSize=256m",
		"-XX:TieredStopAtLevel=1", "-Xbatch", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Jit*.*",
	}
	switch collector {
	case "Serial", "Parallel":
		// The arrays of the workload have 16 MiB, which is more than eden: they are
		// never copied.
		flags = append(flags, "-Xms256m", "-Xmn12m")
	case "ZGC", "GenZGC":
		flags = append(flags, "-Xms16m") // its heap is charged when it is committed
	default:
		flags = append(flags, "-Xms256m")
	}
	return flags
}

// Kernel returns the kernel release, as uname -r.
func Kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return syscall.ENOSYS.Error()
	}
	return strings.TrimSpace(string(text))
}

// Limits are the allowed errors of a row.
type Limits struct {
	Share float64 // of the amount
	Slack int64   // bytes
	// Unknown are the rows that no source reports.
	Unknown []string
}

// Trial grows one kind of memory at a time by a known amount.
type Trial struct {
	T *testing.T
	// Do sends a command to the workload and returns its reply.
	Do func(command string) string
	// Sidecar observes the workload, and nothing else.
	Sidecar *sidecar.Client
	// Check checks what holds for each breakdown of the workload.
	Check   func(when string, c *sidecar.Container)
	Limits  Limits
	Growths []Growth
	// Commits is true for ZGC: its heap is charged when it is committed, in pages of
	// 2 MiB and more, so the committed size that it reports is the known amount.
	Commits bool
	// Steps are the results of Run.
	Steps []result.Step
}

// Run checks that the right row grows by each amount and no other does, that the rows add
// up to usage each time, and that freed memory disappears. It returns the breakdown with
// all memory grown.
func (tr *Trial) Run() *sidecar.Container {
	tr.T.Helper()
	// The first use of each command loads classes and reads their files.
	for _, g := range tr.Growths {
		tr.Do(g.warmup())
	}
	if tr.Commits {
		tr.Do("gc") // ZGC allocates its mark stacks in the first cycle
	}
	tr.Do("report")
	// On a busy machine the first handshake may fail; jvmem retries a minute later.
	tr.Sidecar.AwaitBreakdown("all rows known that can be", func(b *sidecar.Breakdown) bool {
		return len(b.Containers) == 1 && len(b.Containers[0].Unknown()) <= len(tr.Limits.Unknown)
	})
	before := tr.sample("before")
	start, heap := before, tr.heapCommitted()
	for _, g := range tr.Growths {
		reply := tr.Do(g.Command)
		grew := tr.heapCommitted() - heap
		heap += grew
		after := tr.sample(g.Command)
		tr.compare(g, reply, grew, before, after)
		before = after
	}
	grown := before
	for _, g := range tr.Growths {
		for _, command := range g.Free {
			tr.Do(command)
		}
	}
	freed := tr.sample("free")
	for range walks { // what is not reported is seen when malloc's blocks are walked through, after a sample
		if !slices.ContainsFunc(tr.freed(grown, freed), tr.remains) {
			break
		}
		freed = tr.sample("free")
	}
	tr.checkFreed(start, grown, freed)
	return grown
}

// heapCommitted returns the committed size that ZGC reports, 0 for other collectors.
func (tr *Trial) heapCommitted() int64 {
	if !tr.Commits {
		return 0
	}
	return jvmtest.Numbers(tr.Do("report"))["heap_committed_bytes"]
}

// resamples is how many samples may follow one that says itself that its rows are not of one moment, as
// one that began before the command's end on a busy machine does.
const resamples = 3

// sample returns the next breakdown after checking it.
func (tr *Trial) sample(when string) *sidecar.Container {
	tr.T.Helper()
	c := tr.Sidecar.NextBreakdown().Only(tr.T)
	for range resamples {
		if _, moved := c.Failed("consistency"); !moved {
			break
		}
		c = tr.Sidecar.NextBreakdown().Only(tr.T)
	}
	tr.Check(when, c)
	if unknown := c.Unknown(); !slices.Equal(unknown, tr.Limits.Unknown) {
		tr.T.Errorf("%s: rows %v are null, want %v\n%v", when, unknown, tr.Limits.Unknown, c)
	}
	for _, name := range c.Unknown() {
		if !sidecar.Explained(c.Sources, name) {
			tr.T.Errorf("%s: no source explains why %s is null\n%v", when, name, c)
		}
	}
	return c
}

// compare checks that one row grew by the wanted amount and no other did. committed is the
// growth of ZGC's heap meanwhile.
func (tr *Trial) compare(g Growth, reply string, committed int64, before, after *sidecar.Container) {
	tr.T.Helper()
	step := result.Step{Command: g.Command, Row: g.Row}
	if was, is := before.Row(g.Row).Bytes, after.Row(g.Row).Bytes; was != nil && is != nil {
		step.Got = *is - *was
	} else {
		tr.T.Errorf("%s: %s is null\nbefore %v after %v", g.Command, g.Row, before, after)
	}
	step.Want = g.amount(tr.T, reply, step.Got)
	if len(after.Unknown()) == 0 {
		step.Unattributed = after.UnattributedBytes
	}
	slack := tr.Limits.Slack + g.Slack
	if tr.Commits && g.Row == "heap" {
		if committed < step.Want {
			tr.T.Errorf("%s: the heap's committed size grew by %d", g.Command, committed)
		}
		step.Want = committed
		slack += 4 * mib // committed since the report
	}
	tolerance := int64(math.Round(float64(step.Want)*tr.Limits.Share)) + slack
	for i := range after.Memory {
		was, is := &before.Memory[i], &after.Memory[i]
		if was.Bytes == nil || is.Bytes == nil {
			continue
		}
		grew := *is.Bytes - *was.Bytes
		switch {
		case is.Name == g.Row:
			if abs(grew-step.Want) > tolerance {
				tr.T.Errorf("%s: %s %s, want %s ± %s\nbefore %v after %v", g.Command, is.Name, InMiB(grew),
					InMiB(step.Want), InMiB(tolerance), before, after)
			}
			continue
		case slices.Contains(g.Also, is.Name):
			continue
		}
		most := int64(2 * mib)
		switch is.Name {
		case "heap": // objects of the workload itself
			grew, most = grew-committed, 4*mib
		case "page_cache": // also mapped by the JVM of another test that has ended
			grew += min(0, *after.Row("libraries").Bytes-*before.Row("libraries").Bytes)
		}
		if grew > most {
			tr.T.Errorf("%s: %s %s, want no more than %s\nbefore %v after %v", g.Command, is.Name, InMiB(grew), InMiB(most), before, after)
		}
		if abs(grew) > abs(step.OtherGot) {
			step.Other, step.OtherGot = is.Name, grew
		}
	}
	tr.Steps = append(tr.Steps, step)
	tr.T.Logf("%-26s %-15s %s of %s, unattributed %s; also %s %s", g.Command, g.Row, InMiB(step.Got), InMiB(step.Want),
		sidecar.KiB(after.UnattributedBytes), step.Other, InMiB(step.OtherGot))
}

// walks is how many samples may follow until what was freed is seen.
const walks = 3

// freed returns what was freed of each row, and should be.
func (tr *Trial) freed(grown, freed *sidecar.Container) (steps []result.Step) {
	for _, name := range sidecar.RowNames() {
		var want int64
		for i, g := range tr.Growths {
			if g.Row == name && g.Free != nil {
				want -= tr.Steps[i].Want
			}
		}
		was, ok := inUse(grown.Row(name))
		is, known := inUse(freed.Row(name))
		if want != 0 && ok && known {
			steps = append(steps, result.Step{Command: "free", Row: name, Want: want, Got: is - was})
		}
	}
	return steps
}

// remains reports whether less than 80 % of the freed memory is no longer in use.
func (tr *Trial) remains(step result.Step) bool { return step.Got > step.Want*8/10+tr.Limits.Slack }

// checkFreed checks what was freed.
func (tr *Trial) checkFreed(start, grown, freed *sidecar.Container) {
	tr.T.Helper()
	for _, step := range tr.freed(grown, freed) {
		tr.Steps = append(tr.Steps, step)
		tr.T.Logf("%-26s %-15s %s of %s", "free", step.Row, InMiB(step.Got), InMiB(step.Want))
		if tr.remains(step) {
			tr.T.Errorf("free: %s in use %s, want %s\nstart %v grown %v freed %v", step.Row, InMiB(step.Got), InMiB(step.Want), start, grown, freed)
		}
	}
}

// inUse returns the size of a row without freed memory that its allocator retains; ok is
// false if that is unknown.
func inUse(r *sidecar.Row) (bytes int64, ok bool) {
	switch r.Name {
	case "heap", "code_cache":
		if r.UsedBytes == nil {
			return 0, false
		}
		return *r.UsedBytes, true
	case "native":
		retained := r.Part("allocator_retained")
		if r.Bytes == nil || retained.Bytes == nil {
			return 0, false
		}
		return *r.Bytes - *retained.Bytes, true
	}
	if r.Bytes == nil {
		return 0, false
	}
	return *r.Bytes, true
}

// InMiB formats a change of a size.
func InMiB(bytes int64) string { return fmt.Sprintf("%+.2f", float64(bytes)/mib) }

func abs(n int64) int64 { return max(n, -n) }
