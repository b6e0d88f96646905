package threads

import (
	"maps"
	"slices"
	"strings"
)

// Pool is the threads whose names differ only in their numbers.
type Pool struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	// StackBytes is the resident part of its Java threads' stacks; nil: unknown.
	StackBytes *int64 `json:"stack_bytes"`
}

// Pools groups threads into pools, the largest first. stacks has the resident stack
// bytes by thread ID, where known.
func Pools(threads []Thread, stacks map[int]int64) []Pool {
	groups := group(threads)
	out := make([]Pool, 0, len(groups))
	for name, members := range groups {
		p := Pool{Name: name, Count: len(members)}
		for _, t := range members {
			if stack, known := stacks[t.ID]; known {
				if p.StackBytes == nil {
					p.StackBytes = new(int64)
				}
				*p.StackBytes += stack
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pool) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// Members returns the threads of a pool of an earlier reading. From JDK 26 on the
// abbreviation of a pool's name may have changed since then.
func Members(threads []Thread, pool string) []Thread {
	var members []Thread
	for name, group := range group(threads) {
		if name == pool || abbreviates(name, pool) || abbreviates(pool, name) {
			members = append(members, group...)
		}
	}
	return members
}

// group returns the threads of each pool by its name.
func group(threads []Thread) map[string][]Thread {
	groups := make(map[string][]Thread)
	for _, t := range threads {
		name := PoolName(t.Name)
		groups[name] = append(groups[name], t)
	}
	joinAbbreviated(groups)
	return groups
}

// commLength is the longest name that the kernel keeps (TASK_COMM_LEN - 1).
const commLength = 15

// PoolName returns a thread's name with "#" for the numbers that count threads or
// pools: one at the end, or one of fewer than four digits behind a separator. Other
// numbers distinguish pools (C1 and C2, http-nio-8080-exec-3). A name that the kernel
// cut before or within a number gives the same result as a whole one.
func PoolName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && name[end] >= '0' && name[end] <= '9' {
			end++
		}
		counts := end == len(name) || (end-i < 4 && i > 0 && strings.IndexByte("-# _.", name[i-1]) >= 0)
		switch {
		case end == i:
			b.WriteByte(name[i])
			end++
		case counts && i > 0 && name[i-1] == '#': // "GC Thread#0" has one of its own
		case counts:
			b.WriteByte('#')
		default:
			b.WriteString(name[i:end])
		}
		i = end
	}
	folded := b.String()
	if strings.HasSuffix(folded, "#") {
		return strings.TrimRight(folded, "#") + "#"
	}
	if len(name) != commLength {
		return folded
	}
	// JDK 8: "Gang worker#0 (Parallel GC Threads)" is cut behind the parenthesis, or
	// before it where the number has two digits.
	if cut := strings.TrimRight(folded, " ("); strings.HasSuffix(cut, "#") {
		return cut
	}
	if strings.HasSuffix(folded, "-") {
		return strings.TrimSuffix(strings.TrimSuffix(folded, "-"), "-#") + "-#"
	}
	return folded
}

// joinAbbreviated joins pools whose names JDK 26 and later abbreviate in the middle
// ("pool-1-..ead-12" is "pool-1-thread-12"). The length of the kept end depends on the
// digits of the number, so that one pool has several names.
func joinAbbreviated(groups map[string][]Thread) {
	names := slices.Collect(maps.Keys(groups))
	// Longest last: "pool-#-..read-#" before "pool-#-..ead-#".
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for i, short := range names {
		for _, long := range names[:i] {
			if groups[long] != nil && abbreviates(short, long) {
				groups[long] = append(groups[long], groups[short]...)
				delete(groups, short)
				break
			}
		}
	}
}

// abbreviates reports whether short may be the other name without its middle.
func abbreviates(short, long string) bool {
	head, tail, abbreviated := strings.Cut(short, "..")
	return abbreviated && strings.HasSuffix(tail, "#") && strings.HasPrefix(long, head) && strings.HasSuffix(long, tail)
}
