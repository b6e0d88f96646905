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

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/resident"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// maxCommandBytes is more than the kernel keeps of a process' name, escaped.
const maxCommandBytes = 100

// readContainer reads one container: first what needs its JVMs' answers, then
// in quick succession what has to belong to one moment.
func (s *Sampler) readContainer(ctx context.Context, path cgroup.Path, c *container) (breakdown.Facts, error) {
	slices.SortFunc(c.jvms, func(a, b *jvm.Process) int { return a.Status().PID - b.Status().PID })
	slices.Sort(c.others)
	answers, err := query(ctx, c.jvms)
	if err != nil {
		return breakdown.Facts{}, err
	}
	group, groupErr := s.group(path, c.jvms[0].Status().PID)
	if f, ok := s.reuse(path, c, answers, group); ok {
		return f, nil
	}
	for attempt := 1; ; attempt++ {
		f := facts(path)
		before := usage(group)
		growth, err := countAll(&f, c.jvms, answers)
		if err != nil {
			return f, err
		}
		f.Others = s.readOthers(c.others)
		source, gone := readMemory(&f, group, groupErr)
		f.Sources = append(f.Sources, source)
		if gone {
			s.drop(path)
		}
		drift := usage(group) - before
		switch next := s.policy.Accept(attempt, drift, growth); next.Action {
		case resident.Use:
			delete(s.rests, path)
			if rest := breakdown.Attribute(f).UnattributedBytes; next.Reason == "" && rest != nil {
				s.rests[path] = *rest
			}
			if s.policy.Drifted(drift) {
				f.Sources = append(f.Sources, driftSource(drift))
			}
			return f, nil
		case resident.Query:
			if answers, err = query(ctx, c.jvms); err != nil {
				return f, err
			}
		}
	}
}

// reuse reads one container without counting pages, where the last count still explains
// what the kernel charges now.
func (s *Sampler) reuse(path cgroup.Path, c *container, answers []*jvm.Answers, group *cgroup.Group) (f breakdown.Facts, ok bool) {
	rest, counted := s.rests[path]
	if !counted || group == nil {
		return f, false
	}
	held := int64(0)
	for _, p := range c.jvms {
		status := p.Status()
		held += status.RssAnonBytes + status.RssShmemBytes
	}
	tolerance := s.policy.Tolerance(held)
	f = facts(path)
	for i, p := range c.jvms {
		if answers[i] == nil {
			return f, false
		}
		facts, next := p.Reuse(answers[i], tolerance)
		if next.Action != resident.Use {
			return f, false
		}
		f.JVMs = append(f.JVMs, facts)
	}
	f.Others = s.readOthers(c.others)
	source, _ := readMemory(&f, group, nil)
	f.Sources = append(f.Sources, source)
	next := s.policy.ReuseContainer(&rest, breakdown.Attribute(f).UnattributedBytes, tolerance)
	return f, next.Action == resident.Use
}

// query queries the JVMs. The answers of one that is gone are nil.
func query(ctx context.Context, jvms []*jvm.Process) ([]*jvm.Answers, error) {
	answers := make([]*jvm.Answers, len(jvms))
	for i, p := range jvms {
		a, err := p.Query(ctx)
		if err != nil && !errors.Is(err, jvm.ErrGone) {
			return nil, err
		}
		answers[i] = a
	}
	return answers, ctx.Err()
}

func facts(path cgroup.Path) breakdown.Facts {
	return breakdown.Facts{Identity: rows.Identity{ID: path.ContainerID(), Cgroup: path.Name, CgroupVersion: path.Version}}
}

// countAll counts the pages of each JVM. growth is resident.Query if one of them has
// mapped memory that only a query explains.
func countAll(f *breakdown.Facts, jvms []*jvm.Process, answers []*jvm.Answers) (growth resident.Decision, err error) {
	for i, p := range jvms {
		if answers[i] == nil {
			continue
		}
		facts, next, err := p.Resident(answers[i])
		if errors.Is(err, jvm.ErrGone) {
			continue
		}
		if err != nil {
			return growth, fmt.Errorf("process %d: %w", p.Status().PID, err)
		}
		if next.Action == resident.Query {
			growth = next
		}
		f.JVMs = append(f.JVMs, facts)
	}
	return growth, nil
}

// group opens the cgroup of a container once.
func (s *Sampler) group(path cgroup.Path, pid int) (*cgroup.Group, error) {
	if g := s.groups[path]; g != nil {
		return g, nil
	}
	g, err := s.cgroups.Open(pid)
	if err != nil {
		return nil, err
	}
	s.groups[path] = g
	return g, nil
}

func usage(g *cgroup.Group) int64 {
	if g == nil {
		return 0
	}
	n, _ := g.Usage() // the reading that counts reports its error
	return n
}

// drop closes a cgroup that was removed: another one may have its name.
func (s *Sampler) drop(path cgroup.Path) {
	if g := s.groups[path]; g != nil {
		_ = g.Close() // nothing was written
		delete(s.groups, path)
		delete(s.rests, path)
	}
}

// readMemory reads the cgroup into f and says how that went, and whether it was
// removed.
func readMemory(f *breakdown.Facts, g *cgroup.Group, err error) (source jvm.Source, gone bool) {
	source = jvm.Source{Name: "cgroup", OK: err == nil}
	if err == nil {
		if f.Root = g.Root; f.Root {
			source.OK = false
			source.Reason = "the process is in the root cgroup: the numbers are those of the whole machine, without kernel memory"
			source.Fix = "run the JVM in a container, or give its service a cgroup of its own"
		}
		var m cgroup.Memory
		if m, err = g.Memory(); m.UsageBytes > 0 {
			f.Memory = &m // what could be read
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
		Reason: fmt.Sprintf("the container's usage changed by %d bytes while it was read: rows are of slightly different moments", drift),
		Fix:    "look again when the load is steadier",
	}
}

// readOthers reads the processes that are no JVM. One that may not be read has
// no pages; one that ended is left out.
func (s *Sampler) readOthers(pids []int) []breakdown.Process {
	var others []breakdown.Process
	for _, pid := range pids {
		status, err := proc.ReadStatus(s.options.Proc, pid)
		if err != nil || status.KernelThread {
			continue
		}
		p := breakdown.Process{PID: pid, Command: jvm.Printable(status.Command, maxCommandBytes), Threads: status.Threads, PageTablesBytes: status.PageTablesBytes}
		pages, err := readRollup(filepath.Join(s.options.Proc, strconv.Itoa(pid), "smaps_rollup"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		p.Pages = pages
		others = append(others, p)
	}
	return others
}

func readRollup(path string) (*resident.Bytes, error) {
	file, err := os.Open(path)
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
