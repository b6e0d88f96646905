package causes

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// resultList has the results of the cases that ran.
type resultList struct {
	mu    sync.Mutex
	cases []result
	costs []cost
}

// add keeps a result, and writes the tables as far as they are known: the whole takes long.
func (l *resultList) add(r result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cases = append(l.cases, r)
	return l.write()
}

func (l *resultList) addCost(c cost) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.costs = append(l.costs, c)
	return l.write()
}

const introduction = `# Does jvmem name the line that leaks?

Written by ` + "`make bench-causes`" + `: do not edit. One application (` + "`e2e/causes/app`" + `) with load, filters, Spring's and
its own proxies, a cache with a limit and short threads leaks in %d ways. It prints the line that leaks. Most of the leak has
happened when ` + "`jvmem evidence`" + ` starts a recording. Each leak runs on each JDK with the collector that it defaults to.

A line is *right* if it is the one that the application printed. "Not enough" is an answer: jvmem names no line unless at
least 10 samples lived for 30 %% of the recording, and one line leads beyond chance. For objects on the heap the line is
where they are allocated.

`

const limits = `
## What a recording cannot show

- What leaked before it. A leak that has stopped has no line.
- What does not end within the recording, but ends later, looks like a leak: a cache that keeps objects for an hour. Record
  for longer than that, or compare with the diagnosis.
- Objects, while the old generation is not collected: a dead object may only have been promoted. Near its limit a heap is
  collected; else ` + "`jvmem try gc`" + ` before the end of the recording helps, which stops the application.
- Before JDK 25, buffers, mappings, Deflaters and sockets: their Java objects are small and rarely sampled.
- File names: recordings have none, so they are derived from the class.
`

// write writes the tables. The caller holds the lock.
func (l *resultList) write() error {
	if *markdown == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, introduction, len(cases()))
	l.summary(&b)
	l.table(&b)
	l.costTable(&b)
	b.WriteString(limits)
	return os.WriteFile(*markdown, []byte(b.String()), 0o644)
}

// summary writes how many of each kind were right.
func (l *resultList) summary(b *strings.Builder) {
	b.WriteString("## By kind\n\n| kind | JDK | right | not enough | WRONG |\n|---|---|---|---|---|\n")
	type key struct {
		kind string
		jdk  int
	}
	counts := make(map[key]map[outcome]int)
	for _, r := range l.cases {
		k := key{r.kind, r.jdk}
		if counts[k] == nil {
			counts[k] = make(map[outcome]int)
		}
		counts[k][r.outcome]++
	}
	var kinds []string
	for _, c := range cases() {
		if !slices.Contains(kinds, c.kind) {
			kinds = append(kinds, c.kind)
		}
	}
	for _, kind := range kinds {
		for _, jdk := range jdks {
			if n := counts[key{kind, jdk}]; n != nil {
				fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", kind, jdk, n[right], n[noAnswer], n[wrong])
			}
		}
	}
}

// table writes what was named for each leak.
func (l *resultList) table(b *strings.Builder) {
	b.WriteString("\n## By leak\n\n| leak |")
	for _, jdk := range jdks {
		fmt.Fprintf(b, " %d |", jdk)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(jdks)) + "\n")
	for _, c := range cases() {
		fmt.Fprintf(b, "| %s |", c.name)
		for _, jdk := range jdks {
			i := slices.IndexFunc(l.cases, func(r result) bool { return r.name == c.name && r.jdk == jdk })
			if i < 0 {
				b.WriteString(" - |")
				continue
			}
			r := l.cases[i]
			if r.outcome == noAnswer {
				fmt.Fprintf(b, " not enough (%d) |", r.total)
			} else {
				fmt.Fprintf(b, " %s, %d of %d |", r.outcome, r.count, r.total)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe numbers are threads, loaders, calls, or samples of objects that count.\n")
	for _, r := range l.cases {
		if r.outcome == wrong {
			fmt.Fprintf(b, "\nWRONG: %s on JDK %d: named %s, it is %s\n", r.name, r.jdk, r.named, strings.Join(r.truth, " "))
		}
	}
}

// costTable writes what a recording costs.
func (l *resultList) costTable(b *strings.Builder) {
	if len(l.costs) == 0 {
		return
	}
	b.WriteString(`
## What a recording costs the JVM

The same application without load or leak, its heap touched at the start. Memory is what is resident and private
10 s after the recording, less what was before. CPU time and the longest pause are those from its start to its end, less
those of the same time before; the pause is that of a thread that is ready every 0.2 ms.

| JDK | kind | CPU time | longest pause before | longest pause | memory that stays |
|---|---|---|---|---|---|
`)
	slices.SortFunc(l.costs, func(x, y cost) int {
		return cmp.Or(cmp.Compare(x.jdk, y.jdk), cmp.Compare(x.kind, y.kind))
	})
	for _, c := range l.costs {
		fmt.Fprintf(b, "| %d | %s | %.2f s | %.1f ms | %.1f ms | %.1f MiB |\n", c.jdk, c.kind, c.cpu.Seconds(),
			float64(c.pauseBefore.Microseconds())/1000, float64(c.pause.Microseconds())/1000, float64(c.bytes)/(1<<20))
	}
}
