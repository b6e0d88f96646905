package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/jvmem/jvmem/jvm/jfr"
)

const (
	// minSamples is the number of samples below which no line is named.
	minSamples = 10
	// maxCauses is the number of lines that are named.
	maxCauses = 3
	// maxSites and maxWhat bound what a recording can make this process remember.
	maxSites = 4096
	maxWhat  = 64
	// young is the part of the recording that what counts must have lived.
	young = 0.3
)

// site is a line and what it did.
type site struct {
	line  Line
	count int
	what  map[string]int
	held  map[string]int
	stack []string
}

// sites counts by line.
type sites struct {
	list    map[Line]*site
	unnamed int // no frame leads, or no stack
	total   int
}

// at returns the site of a stack; nil if none leads.
func (s *sites) at(st stack, own func(jfr.Frame) bool) *site {
	line, ok := st.lead(own)
	at := s.list[line]
	if at == nil && ok && len(s.list) < maxSites {
		at = &site{line: line, what: make(map[string]int), held: make(map[string]int), stack: st.show()}
		if s.list == nil {
			s.list = make(map[Line]*site)
		}
		s.list[line] = at
	}
	return at
}

// add counts n things from a site.
func (s *sites) add(at *site, n int, what, held string) {
	s.total += n
	if at == nil {
		s.unnamed += n
		return
	}
	at.count += n
	count(at.what, what, n)
	count(at.held, held, n)
}

func count(m map[string]int, key string, n int) {
	if _, ok := m[key]; key != "" && (ok || len(m) < maxWhat) {
		m[key] += n
	}
}

// most returns the key with the highest count; of several the first in order.
func most(m map[string]int) string {
	var best string
	for key, n := range m {
		if n > m[best] || n == m[best] && key < best {
			best = key
		}
	}
	return best
}

// judge names the lines, or says why none may be named. freed is how many of what was counted
// are gone again, it is unknown from which line.
func (s *sites) judge(f *Finding, things string, freed int) {
	f.Total = s.total
	ranked := make([]*site, 0, len(s.list))
	for _, at := range s.list {
		if at.count > 0 {
			ranked = append(ranked, at)
		}
	}
	slices.SortFunc(ranked, func(a, b *site) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.line.String(), b.line.String()))
	})
	switch {
	case s.total-freed < minSamples:
		f.Reason = fmt.Sprintf("not enough samples: %d %s, at least %d are needed", max(s.total-freed, 0), things, minSamples)
		return
	case len(ranked) == 0:
		f.Reason = fmt.Sprintf("all %d %s are of the JVM or the JDK: no other code is in their stacks", s.total, things)
		return
	}
	second := s.unnamed
	if len(ranked) > 1 {
		second = max(second, ranked[1].count)
	}
	if !leads(ranked[0].count-freed, second) {
		f.Reason = "no line leads clearly: " + candidates(ranked, s.total)
		return
	}
	for _, at := range ranked[:min(maxCauses, len(ranked))] {
		f.Causes = append(f.Causes, Cause{
			Line: at.line, Count: at.count, Share: float64(at.count) / float64(s.total),
			What: most(at.what), HeldBy: most(at.held), Stack: at.stack,
		})
	}
}

// leads reports whether the first count is more than the second beyond chance.
func leads(first, second int) bool {
	return first > second && float64(first-second) > 2*math.Sqrt(float64(first+second))
}

func candidates(ranked []*site, total int) (s string) {
	for i, at := range ranked[:min(maxCauses, len(ranked))] {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s %d of %d", at.line, at.count, total)
	}
	return s
}
