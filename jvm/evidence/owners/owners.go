package owners

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
)

const (
	maxOwners        = 8
	maxSizes         = 4
	maxThirdParty    = 16
	reasonReferences = "the search for what refers to the blocks reached its limit"
	reasonBaseline   = "the baseline is not complete: "
)

// ErrOtherProcess means that a Snapshot is of another process, or of one that was restarted.
var ErrOtherProcess = errors.New("the baseline is of another process")

// Target is the process that is looked at.
type Target struct {
	Proc string // mount point of procfs
	PID  int
}

// DefaultBudget is more than 1 GiB of malloc takes: 2.6 s of CPU time.
func DefaultBudget() malloc.Budget { return malloc.Budget{Reads: 2_000_000, Time: 30 * time.Second} }

// Take returns what is in use now, for a later Find, and who owns it by what the blocks
// point to: what refers to them is not searched. The errors are proc.ErrGone, those of
// permission, and malloc.ErrUnknown where the allocator is not known.
func Take(t Target, b malloc.Budget) (*Snapshot, error) {
	p, err := open(t, b)
	if err != nil {
		return nil, err
	}
	defer p.close()
	now, _, err := p.count()
	if err == nil {
		now.Held = newReferences(p).held(now, nil)
	}
	return now, err
}

// count takes a Snapshot, and returns the sum of all blocks. A walk that saw too little is
// repeated once.
func (p *process) count() (s *Snapshot, all Amount, err error) {
	for range 2 {
		s = p.snapshot()
		kinds := newCounter()
		if s.Reason, err = p.walk(func(b *malloc.Block) { kinds.add(p.classify(b), b) }); err != nil {
			return nil, Amount{}, err
		}
		p.countMapped(kinds)
		kinds.into(s, &p.libraries)
		p.sizes = kinds.bySize()
		all, s.Complete = kinds.all, s.Reason == ""
		if s.Complete || p.err != nil {
			break
		}
	}
	return s, all, nil
}

// Find returns the owners of what is in use now and was not in since, or of all that is
// in use if since is nil. The errors are those of Take; ErrOtherProcess if since is of another.
func Find(t Target, since *Snapshot, b malloc.Budget) (*Report, error) {
	p, err := open(t, b)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if since != nil && (since.PID != p.status.PID || since.StartTicks != p.status.StartTicks) {
		return nil, ErrOtherProcess
	}
	return p.find(since)
}

func (p *process) find(since *Snapshot) (*Report, error) {
	now, all, err := p.count()
	if err != nil {
		return nil, err
	}
	out := &Report{PID: p.target.PID, Time: now.Time, InUse: all, Owners: []Owner{}, Complete: now.Complete, Reason: now.Reason, Now: now}
	out.Libraries = p.libraries.thirdParty(maxThirdParty)
	if since != nil {
		out.Since = &since.Time
		if !since.Complete {
			out.incomplete(reasonBaseline + since.Reason)
		}
	}
	return out, p.name(out, since, now)
}

func (r *Report) incomplete(reason string) {
	if r.Complete && reason != "" {
		r.Complete, r.Reason = false, reason
	}
}

// name fills in the owners.
func (p *process) name(out *Report, since, now *Snapshot) error {
	list, sum := growthOf(since, now, &p.libraries)
	out.Growth, out.Other = sum, sum
	chosen := selected(list, sum)
	reason, err := p.takeSamples(chosen, now)
	if err != nil {
		return err
	}
	out.incomplete(reason)
	r := newReferences(p)
	arenas := make(map[uint64]bool)
	for _, g := range chosen {
		for _, s := range g.samples {
			arenas[s.arena] = true
			r.node(s.addr, s.end, g.key)
		}
	}
	delete(arenas, 0)
	r.byArena = p.arenaThreads(arenas)
	if err := r.search(); err != nil {
		return err
	}
	r.bounded = p.extend() || r.bounded
	sizes := make(map[uint64]int64)
	for _, g := range list {
		if !g.rest {
			sizes[g.key.size] += g.growth.Blocks
		}
	}
	described, byKey := make([]Owner, len(chosen)), make(map[key]Owner)
	var unnamed []*grown
	for i, g := range chosen {
		if described[i] = r.describe(g, sizes, list); described[i].Relation == NotNamed && len(g.samples) >= minSamples {
			unnamed = append(unnamed, g)
		}
	}
	roots := r.rootsOf(unnamed)
	for i, g := range chosen {
		if of := roots[g]; of != nil {
			described[i].reachedFrom(of, g)
		}
		if !g.rest {
			byKey[g.key] = described[i]
		}
		out.add(described[i])
	}
	if r.bounded || p.err != nil || p.lookup != nil && p.lookup.Err() != nil {
		out.incomplete(reasonReferences)
	}
	out.finish()
	now.Held = r.held(now, byKey)
	return nil
}

// add joins what has the same name.
func (r *Report) add(o Owner) {
	for i := range r.Owners {
		if same := &r.Owners[i]; o.Relation != NotNamed && same.Name() == o.Name() {
			same.Amount.add(o.Amount)
			same.Sizes = append(same.Sizes, o.Sizes...)
			if same.Global == "" {
				same.Global = o.Global
			}
			same.Agreement = min(same.Agreement, o.Agreement)
			same.Threads = union(same.Threads, o.Threads)
			return
		}
	}
	r.Owners = append(r.Owners, o)
}

// union is empty if one is not known, or there are too many.
func union(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	a = slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	if len(a) > maxThreadPools {
		return nil
	}
	return a
}

// finish sorts and cuts the owners.
func (r *Report) finish() {
	slices.SortStableFunc(r.Owners, func(a, b Owner) int { return cmp.Compare(b.ResidentBytes, a.ResidentBytes) })
	r.Owners = r.Owners[:min(len(r.Owners), maxOwners)]
	for i := range r.Owners {
		o := &r.Owners[i]
		o.Share = float64(o.ResidentBytes) / float64(r.Growth.ResidentBytes)
		r.Other = less(r.Other, o.Amount)
		slices.SortStableFunc(o.Sizes, func(a, b Size) int {
			return cmp.Compare(int64(b.BlockBytes)*b.Blocks, int64(a.BlockBytes)*a.Blocks)
		})
		o.Sizes = o.Sizes[:min(len(o.Sizes), maxSizes)]
	}
}
