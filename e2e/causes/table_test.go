package causes

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// resultList has the results of the cases that ran.
type resultList struct {
	mu     sync.Mutex
	Cases  []result
	Costs  []cost
	Served []served
	Owned  []owned
	Runs   map[part]conditions
}

// part is a table that is written by a run of its own.
type part string

const (
	partCauses part = "causes"
	partCost   part = "cost"
	partServed part = "served"
	partOwners part = "owners"
)

// conditions are when and with what the last results of a part were made, and how busy the machine was:
// pauses, and how much leaks in a time, depend on it.
type conditions struct {
	Ended, Build, Load string
}

// begin notes that results of a part follow.
func (l *resultList) begin(t *testing.T, p part) {
	t.Helper()
	version, err := exec.Command(*binary, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Runs == nil {
		l.Runs = make(map[part]conditions)
	}
	l.Runs[p] = conditions{Build: strings.TrimSpace(string(version))}
}

// end notes when the last result of a part was made. The caller holds the lock.
func (l *resultList) end(p part) {
	load, err := os.ReadFile("/proc/loadavg")
	minutes := strings.Fields(string(load))
	if err != nil || len(minutes) < 3 {
		minutes = []string{"", "", "?"}
	}
	r := l.Runs[p]
	r.Ended, r.Load = time.Now().UTC().Format("2 January 2006, 15:04 UTC"), minutes[2]
	l.Runs[p] = r
}

// add keeps a result, and writes the tables as far as they are known: the whole takes long.
func (l *resultList) add(r result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Cases = append(slices.DeleteFunc(l.Cases, func(o result) bool { return o.Name == r.Name && o.JDK == r.JDK }), r)
	l.end(partCauses)
	return l.write()
}

func (l *resultList) addCost(c cost) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Costs = append(slices.DeleteFunc(l.Costs, func(o cost) bool { return o.Kind == c.Kind && o.JDK == c.JDK }), c)
	l.end(partCost)
	return l.write()
}

func (l *resultList) addOwned(r owned) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Owned = append(slices.DeleteFunc(l.Owned, func(o owned) bool { return o.Name == r.Name && o.JDK == r.JDK }), r)
	l.end(partOwners)
	return l.write()
}

func (l *resultList) addServed(r served) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Served = append(slices.DeleteFunc(l.Served, func(o served) bool { return o.Name == r.Name && o.JDK == r.JDK && o.Trace == r.Trace }), r)
	l.end(partServed)
	return l.write()
}

const introduction = `# Does jvmem name the line that leaks?

Written by ` + "`make bench-causes`" + `: do not edit. One application (` + "`e2e/causes/app`" + `) with load, filters, Spring's and
its own proxies, a cache with a limit and short threads leaks in %d ways, or not (control). It prints the line that leaks. Most of the leak has
happened when ` + "`jvmem evidence`" + ` starts a recording. Each leak runs on each JDK with the collector that it defaults to.

A line is *right* if it is the one that the application printed. "Not enough" is an answer: jvmem names no line unless at
least 10 samples lived for 30 %% of the recording, and one line leads beyond chance. For objects on the heap the line is
where they are allocated. Heaps are recorded with ` + "`--gains`" + `: two full collections count the live objects of each class. If the
samples do not suffice, a line is right *by gains*: it allocates the classes of which most stays. Without ` + "`--gains`" + `, these would be
"not enough", and others too, where the old generation is not collected meanwhile.

`

const limits = `
## What a recording cannot show

- What leaked before it. A leak that has stopped has no line.
- What does not end within the recording, but ends later, looks like a leak: a cache that keeps objects for an hour. Record
  for longer than that, or compare with the diagnosis.
- Objects, while the old generation is not collected: a dead object may only have been promoted. Near its limit a heap is
  collected; else ` + "`--gains`" + ` helps, which collects it and stops the application for that.
- Small objects, without ` + "`--gains`" + `: JFR keeps 256 samples, the largest objects first, and replaces the others before the next collection.
- Before JDK 25, buffers, mappings, Deflaters and sockets, without ` + "`--gains`" + `: their Java objects are small and rarely sampled.
- File names: recordings have none, so they are derived from the class.
`

// write writes the tables. The caller holds the lock.
func (l *resultList) write() error {
	if *markdown == "" || *earlier == "" {
		return nil
	}
	kept, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*earlier, kept, 0o644); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, introduction, leaks())
	l.writeRun(&b, partCauses)
	fmt.Fprintf(&b, "There are %d cases, some of earlier runs and builds if CASES selected.\n\n", len(l.Cases))
	l.summary(&b)
	l.table(&b)
	l.ownersTable(&b)
	l.servedTable(&b)
	l.costTable(&b)
	b.WriteString(limits)
	return os.WriteFile(*markdown, []byte(b.String()), 0o644)
}

// writeRun writes of which run a part is.
func (l *resultList) writeRun(b *strings.Builder, p part) {
	r := l.Runs[p]
	fmt.Fprintf(b, "Build: %s. The run ended on %s, on %d CPUs with a load average of %s over 15 minutes.\n", r.Build, r.Ended, runtime.NumCPU(), r.Load)
}

// read reads the results of earlier runs, so that some cases can run again.
func (l *resultList) read() error {
	b, err := os.ReadFile(*earlier)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, l)
}

// summary writes how many of each kind were right.
func (l *resultList) summary(b *strings.Builder) {
	b.WriteString("## By kind\n\n| kind | JDK | right | of these by gains | not enough | WRONG | controls without a line |\n|---|---|---|---|---|---|---|\n")
	type key struct {
		kind string
		jdk  int
	}
	counts, gained := make(map[key]map[outcome]int), make(map[key]int)
	for _, r := range l.Cases {
		k := key{r.Kind, r.JDK}
		if counts[k] == nil {
			counts[k] = make(map[outcome]int)
		}
		counts[k][r.Outcome]++
		if r.Gained {
			gained[k]++
		}
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
				fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d |\n", kind, jdk, n[right], gained[key{kind, jdk}], n[noAnswer], n[wrong], n[noLeak])
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
			i := slices.IndexFunc(l.Cases, func(r result) bool { return r.Name == c.name && r.JDK == jdk })
			if i < 0 {
				b.WriteString(" - |")
				continue
			}
			r := l.Cases[i]
			switch {
			case r.Outcome == noLeak:
				fmt.Fprintf(b, " %s |", r.Outcome)
			case r.Outcome == noAnswer:
				fmt.Fprintf(b, " not enough (%d) |", r.Total)
			case r.Gained:
				fmt.Fprintf(b, " %s, by gains |", r.Outcome)
			default:
				fmt.Fprintf(b, " %s, %d of %d |", r.Outcome, r.Count, r.Total)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe numbers are threads, loaders, calls, or samples of objects that count.\n")
	for _, r := range l.Cases {
		if r.Outcome == wrong {
			fmt.Fprintf(b, "\nWRONG: %s on JDK %d: named %s, it is %s\n", r.Name, r.JDK, r.Named, strings.Join(r.Truth, " "))
		}
	}
}

// costTable writes what a recording costs.
func (l *resultList) costTable(b *strings.Builder) {
	if len(l.Costs) == 0 {
		return
	}
	b.WriteString("\n## What a recording costs the JVM\n\n")
	l.writeRun(b, partCost)
	b.WriteString(`On a busy machine the pauses are mostly those of other programs.

The same application without load or leak, its heap touched at the start; with --gains 95 MiB of it are live objects. Memory is what is resident and private
10 s after the recording, less what was before: with many different stacks JFR takes more while it records, which is
bounded ([reference.md](reference.md#jvmem-evidence)). CPU time and the longest pause are those from its start to its end, less
those of the same time before; the pause is that of a thread that is ready every 0.2 ms.

| JDK | kind | CPU time | longest pause before | longest pause | memory that stays |
|---|---|---|---|---|---|
`)
	slices.SortFunc(l.Costs, func(x, y cost) int {
		return cmp.Or(cmp.Compare(x.JDK, y.JDK), cmp.Compare(x.Kind, y.Kind))
	})
	for _, c := range l.Costs {
		fmt.Fprintf(b, "| %d | %s | %.2f s | %.1f ms | %.1f ms | %.1f MiB |\n", c.JDK, c.Kind, c.CPU.Seconds(),
			float64(c.PauseBefore.Microseconds())/1000, float64(c.Pause.Microseconds())/1000, float64(c.Bytes)/(1<<20))
	}
}
