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
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// maxDrift is how much usage may change while the pages are counted. The
	// counts take some milliseconds, and the container does not stop for them.
	maxDrift = 1 << 20
	// steadyBytes is how much memory may move before the pages are counted again, or a
	// thousandth of what the JVMs hold if that is more: it takes as much longer to count.
	steadyBytes   = 256 << 10
	steadyDivisor = 1000
	// maxWalks bounds how often they are counted for one sample.
	maxWalks = 3
	// maxCommandBytes is more than the kernel keeps of a process' name, escaped.
	maxCommandBytes = 100
)

// readContainer reads one container: first what takes its JVMs' answers, then
// in quick succession what has to belong to one moment.
func (s *Sampler) readContainer(ctx context.Context, path cgroup.Path, c *container) (breakdown.Facts, error) {
	slices.SortFunc(c.jvms, func(a, b *jvm.Process) int { return a.Status().PID - b.Status().PID })
	slices.Sort(c.others)
	asked, err := ask(ctx, c.jvms)
	if err != nil {
		return breakdown.Facts{}, err
	}
	group, groupErr := s.group(path, c.jvms[0].Status().PID)
	if f, ok := s.readSteady(path, c, asked, group); ok {
		return f, nil
	}
	for walk := 1; ; walk++ {
		f := facts(path)
		before := usage(group)
		stale, err := walkAll(&f, c.jvms, asked)
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
		if last := walk == maxWalks; last || (!stale && abs(drift) <= maxDrift) {
			delete(s.rests, path)
			if rest := breakdown.Attribute(f).UnattributedBytes; !last && rest != nil {
				s.rests[path] = *rest
			}
			if last && abs(drift) > maxDrift {
				f.Sources = append(f.Sources, driftSource(drift))
			}
			return f, nil
		}
		if stale {
			if asked, err = ask(ctx, c.jvms); err != nil {
				return f, err
			}
		}
	}
}

// readSteady reads one container without counting pages: those that were counted still
// make what the kernel charges now, and no JVM tells otherwise.
func (s *Sampler) readSteady(path cgroup.Path, c *container, asked []*jvm.Facts, group *cgroup.Group) (f breakdown.Facts, ok bool) {
	rest, counted := s.rests[path]
	if !counted || group == nil {
		return f, false
	}
	held := int64(0)
	for _, p := range c.jvms {
		status := p.Status()
		held += status.RssAnonBytes + status.RssShmemBytes
	}
	tolerance := max(steadyBytes, held/steadyDivisor)
	f = facts(path)
	for i, p := range c.jvms {
		if asked[i] == nil {
			return f, false
		}
		facts := *asked[i]
		if !p.Steady(&facts, tolerance) {
			return f, false
		}
		f.JVMs = append(f.JVMs, facts)
	}
	f.Others = s.readOthers(c.others)
	source, _ := readMemory(&f, group, nil)
	f.Sources = append(f.Sources, source)
	now := breakdown.Attribute(f).UnattributedBytes
	return f, now != nil && abs(*now-rest) <= tolerance
}

// ask returns the facts that JVMs tell, nil for one that is gone.
func ask(ctx context.Context, jvms []*jvm.Process) ([]*jvm.Facts, error) {
	facts := make([]*jvm.Facts, len(jvms))
	for i, p := range jvms {
		f, err := p.Ask(ctx)
		if err != nil && !errors.Is(err, jvm.ErrGone) {
			return nil, err
		}
		facts[i] = f
	}
	return facts, ctx.Err()
}

func facts(path cgroup.Path) breakdown.Facts {
	return breakdown.Facts{Identity: rows.Identity{ID: path.ContainerID(), Cgroup: path.Name, CgroupVersion: path.Version}}
}

// walkAll adds the resident pages of each JVM to what it told.
func walkAll(f *breakdown.Facts, jvms []*jvm.Process, asked []*jvm.Facts) (stale bool, err error) {
	for i, p := range jvms {
		if asked[i] == nil {
			continue
		}
		facts := *asked[i]
		facts.Sources = slices.Clone(facts.Sources)
		again, err := p.Walk(&facts)
		if errors.Is(err, jvm.ErrGone) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("process %d: %w", facts.PID, err)
		}
		stale = stale || again
		f.JVMs = append(f.JVMs, facts)
	}
	return stale, nil
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

func readRollup(path string) (*jvm.Resident, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := pages.ReadRollup(file)
	if err != nil {
		return nil, err
	}
	return &jvm.Resident{AnonBytes: r.AnonymousBytes, FileBytes: r.FileBytes, ShmemBytes: r.ShmemBytes}, nil
}

func abs(n int64) int64 { return max(n, -n) }
