package causes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ownersFor is how long allocations of the small objects are sampled that own other memory.
const ownersFor = 15 * time.Minute

// owned is a result of TestOwners.
type owned struct {
	result
	Notes []string
}

// TestOwners runs what is traced on JDK 25 on older ones, by what the owning objects gain.
func TestOwners(t *testing.T) {
	results.begin(t, partOwners)
	for _, c := range cases() {
		for _, jdk := range jdks {
			if !c.traced || jdk >= firstTrace {
				continue
			}
			c := c
			c.record = ownersFor
			t.Run(fmt.Sprint(c.name, "/", jdk), func(t *testing.T) {
				t.Parallel()
				r, f := c.run(t, jdk, "--gains")
				if err := results.addOwned(owned{r, f.Notes}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// ownersTable writes what the owning objects showed.
func (l *resultList) ownersTable(b *strings.Builder) {
	if len(l.Owned) == 0 {
		return
	}
	b.WriteString("\n## Before JDK 25: what the owning objects show\n\n")
	l.writeRun(b, partOwners)
	fmt.Fprintf(b, "`jvmem evidence --gains --duration %s` of the same leaks. A line needs 10 sampled allocations of the owning objects; of these, a JVM\n"+
		"samples one where it gives a thread new memory to allocate from.\n\n| leak | JDK | | live objects |\n|---|---|---|---|\n", ownersFor)
	slices.SortFunc(l.Owned, func(x, y owned) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.JDK, y.JDK)) })
	for _, r := range l.Owned {
		what := string(r.Outcome)
		if r.Named != "" {
			what = fmt.Sprintf("%s: `%s`, %d of %d samples", what, r.Named, r.Count, r.Total)
		}
		live := ""
		for _, note := range r.Notes {
			if list, ok := strings.CutPrefix(note, "live objects: "); ok {
				live = list
			}
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s |\n", r.Name, r.JDK, what, live)
	}
}
