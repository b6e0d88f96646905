package breakdown

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// maxOwners is how many owners are details.
	maxOwners = 8
	// OtherOwners is the detail with what is left: of more owners, of none that is known, or
	// allocated since the look.
	OtherOwners = "other"
	// An excess of the owners over 1/maxExcess of what they divide is no difference of the moments
	// of reading: so much was freed since the look that it says nothing any more.
	maxExcess = 8
	// minUnlooked is untracked memory from which on the text says that nobody looked at it.
	minUnlooked = 16 << 20
)

// Look is a look at the owners of native memory (jvm/evidence/owners). It is older than the rows,
// as it costs more.
type Look struct {
	// Time is when it was, the oldest if there are several JVMs.
	Time time.Time `json:"time"`
	// Divided is the detail of native whose details are the owners: untracked or, where that
	// is not known, malloc, which includes that of HotSpot.
	Divided string `json:"divided"`
	// Reason says what is missing; "": nothing.
	Reason string `json:"reason,omitempty"`
}

// WithOwners divides untracked native memory by its owners, as they were in the last look at
// each JVM. c remains as it was, and is returned if there was no look.
func (c Container) WithOwners(looks []*owners.Snapshot) Container {
	i := slices.IndexFunc(c.Memory, func(r Row) bool { return r.Name == rows.Native })
	if len(looks) == 0 || i < 0 {
		return c
	}
	k := divided(c.Memory[i].Detail)
	if k < 0 {
		return c
	}
	c.Memory = slices.Clone(c.Memory)
	row := &c.Memory[i]
	row.Detail = slices.Clone(row.Detail)
	d := &row.Detail[k]
	c.Owners = &Look{Time: looks[0].Time, Divided: d.Name}
	if len(looks) < len(c.JVMs) {
		c.Owners.Reason = fmt.Sprintf("%d of %d JVMs were looked at", len(looks), len(c.JVMs))
	}
	for _, l := range looks {
		if l.Time.Before(c.Owners.Time) {
			c.Owners.Time = l.Time
		}
		if !l.Complete {
			c.Owners.Reason = cmp.Or(c.Owners.Reason, l.Reason)
		}
	}
	held := largest(looks, d.Name == rows.Malloc)
	var sum int64
	for _, h := range held {
		sum += h.ResidentBytes
	}
	excess := max(0, sum-*d.Bytes)
	d.Detail = nil
	if excess > sum/maxExcess {
		c.Owners.Reason = fmt.Sprintf("the look is out of date: of %s that owners had, %s or more were freed since", Size(&sum), Size(&excess))
		return c
	}
	for i := range slices.Backward(held) {
		held[i].ResidentBytes, excess = cut(held[i].ResidentBytes, excess)
	}
	other := *d.Bytes
	for _, h := range held {
		d.Detail = append(d.Detail, Detail{Name: h.Name, Library: h.Library, Bytes: new(h.ResidentBytes)})
		other -= h.ResidentBytes
	}
	d.Detail = append(d.Detail, Detail{Name: OtherOwners, Bytes: &other})
	return c
}

// divided is the index of the detail that owners divide, -1 if none is known.
func divided(details []Detail) int {
	for _, name := range []string{rows.Untracked, rows.Malloc} {
		i := slices.IndexFunc(details, func(d Detail) bool { return d.Name == name && d.Bytes != nil })
		if i >= 0 {
			return i
		}
	}
	return -1
}

// largest returns those who own most, over all JVMs. malloc: only of malloc's memory.
func largest(looks []*owners.Snapshot, malloc bool) []owners.Held {
	var all []owners.Held
	for _, l := range looks {
		for _, h := range l.Held {
			if h.Mapped && malloc {
				continue
			}
			if i := slices.IndexFunc(all, func(other owners.Held) bool { return other.Name == h.Name }); i >= 0 {
				all[i].ResidentBytes += h.ResidentBytes
			} else {
				all = append(all, h)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b owners.Held) int { return cmp.Compare(b.ResidentBytes, a.ResidentBytes) })
	return all[:min(len(all), maxOwners)]
}

// Divided returns the detail of native with the owners; nil: they were not looked at, or the
// look is out of date.
func (c *Container) Divided() *Detail {
	row := c.Row(rows.Native)
	if c.Owners == nil || row == nil {
		return nil
	}
	for i := range row.Detail {
		if d := &row.Detail[i]; d.Name == c.Owners.Divided && len(d.Detail) > 0 {
			return d
		}
	}
	return nil
}

// ownersText says how old the look at the owners is, or that there was none.
func (c *Container) ownersText(now time.Time) string {
	if l := c.Owners; l != nil {
		text := fmt.Sprintf("The owners of %s are those of %s, %s ago", l.Divided, l.Time.UTC().Format(time.RFC3339), now.Sub(l.Time).Round(time.Second))
		if c.Divided() == nil {
			text = fmt.Sprintf("The owners of %s were looked at %s ago", l.Divided, now.Sub(l.Time).Round(time.Second))
		}
		if l.Reason != "" {
			text += ": " + l.Reason
		}
		return text + ".\n"
	}
	if row := c.Row(rows.Native); row != nil {
		if i := divided(row.Detail); i >= 0 && *row.Detail[i].Bytes >= minUnlooked {
			return fmt.Sprintf("The owners of %s were not looked at: `jvmem owners` does.\n", row.Detail[i].Name)
		}
	}
	return ""
}
