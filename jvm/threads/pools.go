package threads

import (
	"maps"
	"slices"
	"strconv"
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

// Members returns the threads of a pool of an earlier reading, whose name may have been cut
// or abbreviated in another way.
func Members(threads []Thread, pool string) []Thread {
	groups := group(threads)
	if group, ok := groups[pool]; ok {
		return group
	}
	var members []Thread
	for name, group := range groups {
		if abbreviates(name, pool) || Renamed(pool, name) {
			members = append(members, group...)
		}
	}
	return members
}

// Renamed reports whether a pool of an earlier reading, of whose name only a part was
// known, may be one of now.
func Renamed(earlier, now string) bool {
	start := strings.TrimRight(earlier, "-#…") // "…" is the end of what is too long to be shown
	return now != earlier && (PoolName(earlier) == now || abbreviates(earlier, now) || len(start) >= minCut && strings.HasPrefix(now, start))
}

// minCut is the least that is left of a name of commLength without a number at its end.
const minCut = 10

// group returns the threads of each pool by its name.
func group(threads []Thread) map[string][]Thread {
	groups := make(map[string][]Thread)
	for _, t := range threads {
		name := PoolName(t.Name)
		groups[name] = append(groups[name], t)
	}
	joinAbbreviated(groups)
	joinNumbered(groups)
	return groups
}

// manyPools is the number of pools from which on their names differ in a number that
// counts them, and not in a port.
const manyPools = 5

// joinNumbered joins many pools whose names differ only in one number.
func joinNumbered(groups map[string][]Thread) {
	numbered := make(map[string][]string)
	for name := range groups {
		if shape := withoutNumbers(name); shape != name {
			numbered[shape] = append(numbered[shape], name)
		}
	}
	for shape, names := range numbered {
		if len(names) < manyPools {
			continue
		}
		for _, name := range names {
			groups[shape] = append(groups[shape], groups[name]...)
			delete(groups, name)
		}
	}
}

// withoutNumbers replaces numbers behind a separator.
func withoutNumbers(name string) string {
	return replaceNumbers(name, func(before, number string) string {
		if separated(before) {
			return "#"
		}
		return number
	})
}

// replaceNumbers replaces the numbers of a name, by what comes before them.
func replaceNumbers(name string, replacement func(before, number string) string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && name[end] >= '0' && name[end] <= '9' {
			end++
		}
		if end == i {
			b.WriteByte(name[i])
			i++
			continue
		}
		b.WriteString(replacement(name[:i], name[i:end]))
		i = end
	}
	return b.String()
}

// separated reports whether a number behind this may count something.
func separated(before string) bool {
	return before != "" && strings.IndexByte("-# _.", before[len(before)-1]) >= 0
}

// commLength is the longest name that the kernel keeps (TASK_COMM_LEN - 1).
const commLength = 15

// executors is the pool of java.util.concurrent.Executors' own threads, of however many
// executors.
const executors = "pool-#-thread-#"

// isExecutors reports whether a name is pool-1-thread-1, or that as the kernel cut it.
func isExecutors(name string) bool {
	rest, ok := strings.CutPrefix(name, "pool-")
	after := strings.TrimLeft(rest, digits)
	if !ok || len(after) == len(rest) || after == "" {
		return false
	}
	number, whole := strings.CutPrefix(after, "-thread-")
	if whole {
		return strings.Trim(number, digits) == ""
	}
	return len(name) == commLength && strings.HasPrefix("-thread-", after)
}

const digits = "0123456789"

// PoolName returns a thread's name with "#" for the numbers that count threads, pools or
// connections: one at the end, one of fewer than four digits behind a separator, or the port
// of a client. Other numbers distinguish pools (C1 and C2, http-nio-8080-exec-3), but for
// those of executors. A name that the kernel cut before or within a number gives the same
// result as a whole one.
func PoolName(name string) string {
	if isExecutors(name) {
		return executors
	}
	folded := replaceNumbers(name, func(before, number string) string {
		last := len(before)+len(number) == len(name)
		switch counts := last || len(number) < 4 && separated(before) || isClientPort(before, number); {
		case counts && strings.HasSuffix(before, "#"): // "GC Thread#0" has one of its own
			return ""
		case counts:
			return "#"
		}
		return number
	})
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

// isClientPort reports whether a number is the port of a client, which is another one with
// each connection: from 32768 on (ip_local_port_range) behind a colon.
func isClientPort(before, number string) bool {
	port, err := strconv.ParseUint(number, 10, 16)
	return err == nil && port >= 32768 && strings.HasSuffix(before, ":")
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
