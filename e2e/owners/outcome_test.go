package owners

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
)

// What the report is, compared with what the program did.
const (
	right    = "right"     // at least 90 % of the growth has a right name
	partly   = "partly"    // less of it
	notNamed = "not named" // nothing has a name
	wrong    = "WRONG"     // a part has a wrong name
)

const (
	// enough is the part of the growth that must have the right name.
	enough = 0.9
	// small is the part that may have another name: the JVM and the libraries also grow by
	// themselves. jvmMiB is what the JVM may grow by.
	small  = 0.05
	jvmMiB = 4
)

// outcome is what was reported about a program.
type outcome struct {
	*program
	truth int64 // bytes that it leaked
	growth
	result string
	named  int64    // bytes with a right name
	as     []string // the right names
	// foreign are names that are wrong.
	foreign []string
}

// judge compares the report with the truth.
func (o *outcome) judge() {
	accepted := regexp.MustCompile(cmp.Or(o.owner, "$^"))
	for i := range o.Owners {
		one := &o.Owners[i]
		names := one.names()
		switch {
		case len(names) == 0:
		case slices.ContainsFunc(names, accepted.MatchString):
			o.named += one.Bytes
			o.as = append(o.as, one.text())
		case one.ofJVM(o.tracking()) && one.Bytes < jvmMiB*mib, float64(one.Bytes) < small*leaked*mib:
		default:
			o.foreign = append(o.foreign, fmt.Sprintf("%s (%.1f MiB)", one.text(), float64(one.Bytes)/mib))
		}
	}
	grown := float64(o.Growth.Bytes) / mib
	switch {
	case len(o.foreign) > 0, o.level > 0 && grown > o.level:
		o.result = wrong
	case o.control:
		o.result = right
	case float64(o.named) >= enough*float64(o.truth):
		o.result = right
	case o.named > 0:
		o.result = partly
	default:
		o.result = notNamed
	}
}

// names are all that an owner is called by.
func (w *owner) names() []string {
	var names []string
	for _, name := range []string{w.Library, w.Class, w.Symbol, w.Global, w.JavaClass} {
		if name != "" {
			names = append(names, name)
		}
	}
	if w.Category != "" {
		names = append(names, "HotSpot ("+w.Category+")")
	}
	return names
}

func (w *owner) text() string { return strings.Join(w.names(), " ") }

// ofJVM reports whether HotSpot itself is named. Without NMT it cannot be by a category.
func (w *owner) ofJVM(tracking string) bool {
	return strings.HasPrefix(w.Library, "libjvm.") || w.Category != "" && tracking != "off"
}

// describe lists the owners.
func (o *outcome) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "growth %.1f MiB, look %.1f s, CPU %.1f s", float64(o.Growth.Bytes)/mib, o.took.elapsed.Seconds(), o.took.cpu.Seconds())
	if !o.Complete {
		b.WriteString(", incomplete: " + o.Reason)
	}
	for i := range o.Owners {
		one := &o.Owners[i]
		fmt.Fprintf(&b, "\n%6.1f MiB in %d blocks, %s %s", float64(one.Bytes)/mib, one.Blocks, cmp.Or(one.Relation, notNamed), one.text())
	}
	return b.String()
}

// outcomeList collects the outcomes of tests that run concurrently.
type outcomeList struct {
	mu  sync.Mutex
	all []outcome
}

func (l *outcomeList) add(o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, o)
}

// write prints the tables, and writes them to the document if all programs ran.
func (l *outcomeList) write() error {
	order := programs()
	index := func(o outcome) int {
		return slices.IndexFunc(order, func(p program) bool { return p.name() == o.name() })
	}
	slices.SortFunc(l.all, func(a, b outcome) int { return index(a) - index(b) })
	text := l.summary() + "\n\n" + l.table(false) + "\n\n## Controls\n\n" + l.table(true)
	fmt.Println(text)
	if *document == "" || len(l.all) < len(order) {
		return nil
	}
	machine, err := report.Machine()
	if err != nil {
		return err
	}
	return report.Write(*document, "programs", machine+"\n\n"+text)
}

func (l *outcomeList) summary() string {
	count := make(map[string]int)
	leaks, controls, nameable, accused := 0, 0, 0, 0
	var elapsed, cpu time.Duration
	for i := range l.all {
		o := &l.all[i]
		elapsed, cpu = max(elapsed, o.took.elapsed), max(cpu, o.took.cpu)
		if o.control {
			controls++
			if o.result == wrong {
				accused++
			}
			continue
		}
		leaks++
		count[o.result]++
		if !o.opaque {
			nameable++
		}
	}
	percent := 100 * float64(count[right]) / float64(max(1, leaks))
	lines := []string{
		fmt.Sprintf("- %d leaks. The right owner is named for at least %.0f %% of the growth in %d of them (%.0f %%; goal: 85 %%), for a part of it in %d.",
			leaks, 100*enough, count[right], percent, count[partly]),
		fmt.Sprintf("- Nothing is named in %d; in %d programs nothing refers to the blocks.", count[notNamed], leaks-nameable),
		fmt.Sprintf("- A wrong owner is named in %d (goal: 0).", count[wrong]),
		fmt.Sprintf("- %d controls; %d of them accuse an owner (goal: 0).", controls, accused),
		fmt.Sprintf("- The longest look that compared took %.1f s; the most CPU time of one was %.1f s.", elapsed.Seconds(), cpu.Seconds()),
	}
	return strings.Join(lines, "\n")
}

func (l *outcomeList) table(controls bool) string {
	var b strings.Builder
	b.WriteString("| program | JVM | leaked MiB | growth seen | right name | named as | result |\n|---|---|---|---|---|---|---|")
	for i := range l.all {
		o := &l.all[i]
		if o.control != controls {
			continue
		}
		as := slices.Compact(slices.Sorted(slices.Values(o.as)))
		if o.result == wrong {
			as = append(as, o.foreign...)
		}
		percent := "-"
		if !controls {
			percent = fmt.Sprintf("%.0f %%", 100*float64(o.named)/float64(max(1, o.truth)))
		}
		fmt.Fprintf(&b, "\n| %s | %s | %.1f | %.1f | %s | %s | %s |", o.cause, o.jvm(), float64(o.truth)/mib, float64(o.Growth.Bytes)/mib,
			percent, strings.Join(as[:min(3, len(as))], "; "), o.result)
	}
	return b.String()
}
