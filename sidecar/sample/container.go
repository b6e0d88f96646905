package sample

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// maxCommandBytes exceeds the length of a process name in the kernel, escaped.
const maxCommandBytes = 100

// job is the input of a reading of a container. Only the goroutine of the reading uses the
// processes until it has returned its result.
type job struct {
	proc     string
	path     cgroup.Path
	jvms     []*jvm.Process
	others   []int
	group    *cgroup.Group // nil: groupErr is the reason
	groupErr error
	rest     *int64 // as container.rest
	walk     bool   // through malloc's blocks, where they changed
	policy   resident.Policy
}

// result is the result of a reading.
type result struct {
	facts *breakdown.Facts     // nil: the container was lent, not read
	of    *breakdown.Container // made of the facts
	rest  *int64
	gone  bool // the cgroup was removed, or has to be found anew
	// deferred is the CPU time of a walk through malloc's blocks, or of what the container was lent for.
	deferred time.Duration
}

func resultOf(f *breakdown.Facts) result {
	return result{facts: f, of: new(breakdown.Attribute(*f))}
}

// read reads the container: first it queries the JVMs, then it reads the values that have
// to belong to the same time, in quick succession. A JVM that cannot be read becomes a source with the
// reason, and counts as another process.
func (j job) read(ctx context.Context) result {
	answers := make([]answer, len(j.jvms))
	for i, p := range j.jvms {
		answers[i].query(ctx, p)
	}
	if r, ok := j.reuse(answers); ok {
		return r
	}
	for attempt := 1; ; attempt++ {
		f := j.facts()
		before := usage(j.group)
		growth := j.countPages(f, answers)
		source, gone := readMemory(f, j.group, j.groupErr)
		f.Sources = append(f.Sources, source)
		drift := usage(j.group) - before
		if !j.heapsAddUp(f) {
			for _, p := range j.jvms {
				p.CountHeap()
			}
			attempt--
			continue
		}
		switch next := j.policy.Accept(attempt, drift, growth); next.Action {
		case resident.Use:
			if j.policy.Drifted(drift) {
				f.Sources = append(f.Sources, driftSource(drift))
			}
			if j.walk {
				j.walkBlocks(f.JVMs)
			}
			r := resultOf(f)
			r.gone = gone
			if next.Reason == "" {
				r.rest = r.of.UnattributedBytes
			}
			return r
		case resident.Query:
			for i, p := range j.jvms {
				answers[i].query(ctx, p)
			}
		}
	}
}

// answer is the answer of a JVM.
type answer struct {
	pid int
	of  *jvm.Answers // nil: err is the reason
	err error
}

func (a *answer) query(ctx context.Context, p *jvm.Process) {
	a.pid = p.Status().PID
	a.of, a.err = p.Query(ctx)
}

// reuse reads the container without counting pages, where the last count still explains
// the present usage.
func (j job) reuse(answers []answer) (r result, ok bool) {
	if j.rest == nil || j.group == nil {
		return result{}, false
	}
	held := int64(0)
	for _, p := range j.jvms {
		status := p.Status()
		held += status.RssAnonBytes + status.RssShmemBytes
	}
	tolerance := j.policy.Tolerance(held)
	f := j.facts()
	for i, p := range j.jvms {
		if answers[i].err != nil {
			return result{}, false
		}
		facts, next := p.Reuse(answers[i].of, tolerance)
		if next.Action != resident.Use {
			return result{}, false
		}
		f.JVMs = append(f.JVMs, facts)
	}
	f.Others = readOthers(j.proc, j.others)
	source, _ := readMemory(f, j.group, nil)
	f.Sources = append(f.Sources, source)
	r = resultOf(f)
	r.rest = j.rest
	next := j.policy.ReuseContainer(j.rest, r.of.UnattributedBytes, tolerance)
	return r, next.Action == resident.Use
}

func (j job) facts() *breakdown.Facts {
	return &breakdown.Facts{
		Identity:  rows.Identity{ID: j.path.ContainerID(), Cgroup: j.path.Name, CgroupVersion: j.path.Version},
		PageBytes: j.policy.PageBytes,
	}
}

// countPages adds the JVMs to f, with their resident pages, and the other processes.
// growth is resident.Query if a JVM has mapped memory that only a query explains.
func (j job) countPages(f *breakdown.Facts, answers []answer) (growth resident.Decision) {
	others := slices.Clone(j.others)
	for i, p := range j.jvms {
		var facts jvm.Facts
		var next resident.Decision
		err := answers[i].err
		if err == nil {
			facts, next, err = p.Resident(answers[i].of)
		}
		switch {
		case err == nil:
			f.JVMs = append(f.JVMs, facts)
			if next.Action == resident.Query {
				growth = next
			}
		case !errors.Is(err, jvm.ErrGone):
			f.Sources = append(f.Sources, processSource(answers[i].pid, err))
			others = append(others, answers[i].pid)
		}
	}
	f.Others = readOthers(j.proc, others)
	return growth
}

// heapsAddUp reports whether heaps whose pages were not counted are right: the processes
// then have as much private memory as the cgroup is charged.
func (j job) heapsAddUp(f *breakdown.Facts) bool {
	if !slices.ContainsFunc(f.JVMs, func(of jvm.Facts) bool { return of.HeapDerived }) {
		return true
	}
	var charged *int64
	if f.Memory != nil {
		charged = f.Memory.AnonBytes
	}
	return j.policy.VerifyHeap(f.PrivateBytes(), charged).Action == resident.Use
}

func usage(g *cgroup.Group) int64 {
	if g == nil {
		return 0
	}
	n, _ := g.Usage() // readMemory reports its error
	return n
}

// readMemory reads the cgroup into f. It returns the source, and whether the cgroup was
// removed.
func readMemory(f *breakdown.Facts, g *cgroup.Group, err error) (source jvm.Source, gone bool) {
	source = jvm.Source{Name: "cgroup", OK: err == nil}
	if err == nil {
		if f.Root = g.Root; f.Root {
			source.OK = false
			source.Reason = "the process is in the root cgroup: the values are those of the whole machine, without kernel memory"
			source.Fix = "run the JVM in a container, or in a cgroup of its own"
		}
		var m cgroup.Memory
		if m, err = g.Memory(); m.UsageBytes > 0 {
			f.Memory = &m // the values that could be read
		}
	}
	if err != nil {
		source.OK, source.Reason = false, err.Error()
		if e := (*cgroup.Error)(nil); errors.As(err, &e) {
			source.Fix = e.Fix
			source.Reason = e.Op + " " + e.Path + ": " + e.Err.Error()
		}
	}
	return source, errors.Is(err, cgroup.ErrGone)
}

func driftSource(drift int64) jvm.Source {
	return jvm.Source{
		Name:   "consistency",
		Reason: fmt.Sprintf("the usage of the container changed by %d bytes during the sample: the rows do not belong to exactly the same time", drift),
		Fix:    "take another sample under steadier load",
	}
}

// readOthers reads the processes that are not JVMs. Pages are nil if access to them is
// denied; a process that ended is omitted.
func readOthers(procfs string, pids []int) []breakdown.Process {
	var others []breakdown.Process
	for _, pid := range pids {
		status, err := proc.ReadStatus(procfs, pid)
		if err != nil || status.KernelThread {
			continue
		}
		p := breakdown.Process{PID: pid, Command: jvm.Printable(status.Command, maxCommandBytes), Threads: status.Threads, PageTablesBytes: status.PageTablesBytes}
		pages, err := readRollup(filepath.Join(procfs, strconv.Itoa(pid), "smaps_rollup"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		p.Pages = pages
		others = append(others, p)
	}
	return others
}

func readRollup(path string) (*resident.Bytes, error) {
	file, err := proc.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := pages.ReadRollup(file)
	if err != nil {
		return nil, err
	}
	return &resident.Bytes{AnonBytes: r.AnonymousBytes, FileBytes: r.FileBytes, ShmemBytes: r.ShmemBytes}, nil
}
