package autopsy

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"syscall"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/watch"
)

const (
	// full is how much of a limit or of a maximum is all of it.
	full = 0.95
	// burst is the share of the limit that, taken within a minute, killed by
	// itself, whatever was slowly growing before.
	burst = 0.2
	// burstMillis is that minute.
	burstMillis = 60_000
	// exitOnOutOfMemory is HotSpot's exit code with -XX:+ExitOnOutOfMemoryError.
	exitOnOutOfMemory = 3
)

// Perform explains an end.
func Perform(d Death, s State) Autopsy {
	a := Autopsy{
		Time: d.Time.UTC(), PID: d.PID, StartTicks: d.StartTicks, Exit: d.Exit, OOMKills: d.KillsAfter,
		Last: s.Last, Level: d.Last, Words: d.Words, Diagnosis: s.Diagnosis, Before: s.Before,
	}
	if s.Last != nil {
		a.ContainerID, a.ContainerName, a.LimitBytes = s.Last.ID, s.Last.Name, s.Last.LimitBytes
		a.LastAgeSeconds = new(max(0, d.Time.Sub(s.LastTime).Seconds()))
		for i := range s.Last.JVMs {
			if j := &s.Last.JVMs[i]; j.PID == d.PID {
				a.Version = j.Version
			}
		}
	}
	a.Kind = kindOf(&d, &a)
	a.Grew, a.GrewSeconds = grew(s.Before)
	a.SinceLast = sinceLast(d.Last, s.Last)
	if a.Kind.OutOfMemory() {
		a.findCause()
	}
	a.Summary = a.summary()
	return a
}

func kindOf(d *Death, a *Autopsy) Kind {
	known := d.KillsBefore != nil && d.KillsAfter != nil
	rose := known && *d.KillsAfter > *d.KillsBefore
	var code *int
	var signal *syscall.Signal
	if d.Exit != nil {
		code, signal = d.Exit.Code, d.Exit.Signal
	}
	killed := signal != nil && *signal == syscall.SIGKILL
	untold := signal == nil && code == nil
	switch {
	case rose && d.Alive:
		return OOMKillOther
	case rose && (killed || untold), !known && (killed || untold) && a.atLimit():
		return OOMKill
	case code != nil && *code == exitOnOutOfMemory && a.flag("ExitOnOutOfMemoryError"),
		untold && a.flag("ExitOnOutOfMemoryError") && a.heapFull():
		return JavaOutOfMemory
	case signal != nil:
		return Signal
	case code != nil:
		return Exit
	}
	return Ended
}

// atLimit reports whether what could not be reclaimed had reached the limit.
func (a *Autopsy) atLimit() bool {
	if a.LimitBytes == nil || a.Level == nil {
		return false
	}
	firm := a.Level.UnreclaimableBytes()
	return firm != nil && float64(*firm) >= full*float64(*a.LimitBytes)
}

func (a *Autopsy) jvm() *breakdown.JVM {
	if a.Last != nil {
		for i := range a.Last.JVMs {
			if a.Last.JVMs[i].PID == a.PID {
				return &a.Last.JVMs[i]
			}
		}
	}
	return nil
}

func (a *Autopsy) flag(name string) bool {
	j := a.jvm()
	return j != nil && j.Flags[name] == true
}

func (a *Autopsy) heapFull() bool {
	j := a.jvm()
	if j == nil || a.Words == nil || a.Words.HeapUsedBytes == nil {
		return false
	}
	limit, ok := j.Flags["MaxHeapSize"].(uint64)
	return ok && float64(*a.Words.HeapUsedBytes) >= full*float64(limit)
}

// grew returns by how much each row grew from the least of what cannot be
// reclaimed, in the time that is remembered, to its end.
func grew(t *history.Track) ([]Growth, float64) {
	if t == nil || len(t.Times) < 2 {
		return nil, 0
	}
	end, base := len(t.Times)-1, 0
	firm := t.Series[history.Unreclaimable]
	for i := range t.Times {
		if p := firm.At(i); p.Last != history.Unknown && p.Last <= firm.At(base).Last {
			base = i
		}
	}
	if base, end = t.Sampled(base), t.Sampled(end); base < 0 {
		return nil, 0
	}
	return growthBetween(t, base, end), float64(t.Times[end]-t.Times[base]) / 1000
}

// growthBetween takes the samples by which the rows are known in these steps.
func growthBetween(t *history.Track, from, to int) []Growth {
	var all []Growth
	from, to = t.Sampled(from), t.Sampled(to)
	for name, c := range t.Series {
		g := Growth{}
		switch words := strings.SplitN(name, "/", 3); {
		case words[0] == "row" && len(words) == 2 && reclaimed(words[1]):
			continue // page cache did not kill
		case words[0] == "row" && len(words) == 2:
			g.Row = words[1]
		case words[0] == "detail" && len(words) == 3:
			g.Row, g.Detail = words[1], words[2]
		default:
			continue
		}
		if g.Bytes = difference(c, from, to); g.Bytes > 0 {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Row, b.Row), strings.Compare(a.Detail, b.Detail))
	})
	return all
}

// difference is by how much a series grew. What was not there before grew from 0; what
// is not there any more did not grow.
func difference(c *history.Column, from, to int) int64 {
	was, is := c.At(from).Last, c.At(to).Last
	switch {
	case is == history.Unknown:
		return 0
	case was == history.Unknown:
		return is
	}
	return is - was
}

func reclaimed(row string) bool { return row == string(breakdown.PageCache) }

// sinceLast returns what came up after the last breakdown.
func sinceLast(l *watch.Reading, last *breakdown.Container) []Growth {
	if l == nil || last == nil {
		return nil
	}
	var all []Growth
	add := func(name string, now, was *int64) {
		if now != nil && was != nil && *now > *was {
			all = append(all, Growth{Row: name, Bytes: *now - *was})
		}
	}
	add("anon", l.AnonBytes, last.RSSBytes)
	add("shmem", l.ShmemBytes, rowBytes(last, breakdown.Shmem))
	add("kernel", l.KernelBytes, rowBytes(last, breakdown.Kernel))
	return all
}

func rowBytes(c *breakdown.Container, name breakdown.RowName) *int64 {
	if row := c.Row(name); row != nil {
		return row.Bytes
	}
	return nil
}

// findCause names what took the memory: what took much of the limit in the last
// minute, else the verdict, else what grew most.
func (a *Autopsy) findCause() {
	if a.Kind == JavaOutOfMemory {
		a.Cause = diagnosis.Heap
		a.Next = []string{"raise -Xmx together with the memory limit, or find what fills the heap: -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=… writes it down"}
		if a.Diagnosis != nil && a.Diagnosis.Verdict.Leak() {
			a.verdict()
		}
		return
	}
	cause, subject, bytes := a.took(burstStart(a.Before))
	limit := math.Inf(1)
	if a.LimitBytes != nil {
		limit = float64(*a.LimitBytes)
	}
	switch {
	case cause != "" && float64(bytes) >= burst*limit:
		a.Cause, a.Subject = cause, subject
	case a.Diagnosis != nil && (a.Diagnosis.Verdict.Leak() || a.Diagnosis.Verdict == diagnosis.Budget):
		a.verdict()
		return
	default:
		if a.Cause, a.Subject, _ = a.took(0); a.Cause == "" {
			a.Cause = diagnosis.Unexplained
		}
	}
	if a.Diagnosis != nil {
		if a.Diagnosis.Verdict == a.Cause {
			a.verdict()
			return
		}
		// A heap that stays within its maximum kills only where that does not fit.
		if b := a.Diagnosis.Budget; a.Cause == diagnosis.Heap && b != nil && !b.Fits {
			a.Cause = diagnosis.Budget
		}
	}
	a.Next = diagnosis.Next(a.Cause, a.Subject, nil)
}

func (a *Autopsy) verdict() {
	a.Cause, a.Subject = a.Diagnosis.Verdict, a.Diagnosis.Subject
	if len(a.Diagnosis.Findings) > 0 {
		a.Next = a.Diagnosis.Findings[0].Next
	}
}

// burstStart is the index of the first step of the last minute.
func burstStart(t *history.Track) int {
	if t == nil || len(t.Times) == 0 {
		return 0
	}
	end := t.Times[len(t.Times)-1]
	i, _ := slices.BinarySearch(t.Times, end-burstMillis)
	return min(i, len(t.Times)-1)
}

// took returns what grew most from a step on, or since the last breakdown.
func (a *Autopsy) took(from int) (cause diagnosis.Verdict, subject string, bytes int64) {
	var rows []Growth
	if a.Before != nil && len(a.Before.Times) > 0 {
		rows = growthBetween(a.Before, from, len(a.Before.Times)-1)
	}
	var row Growth
	for _, g := range rows {
		if g.Detail == "" && g.Bytes > row.Bytes {
			row = g
		}
	}
	for _, g := range rows { // the largest part of that row
		if g.Row == row.Row && g.Detail != "" {
			row.Detail = g.Detail
			break
		}
	}
	for _, g := range a.SinceLast {
		if g.Bytes <= row.Bytes {
			continue
		}
		if g.Row == "anon" { // private memory of no known row: the JVM's last words may tell
			if a.heapGrew() > g.Bytes/2 {
				row = Growth{Row: string(breakdown.Heap), Bytes: g.Bytes}
			} else {
				// What grew before goes on; else it is not known.
				row.Bytes = g.Bytes
			}
			continue
		}
		row = Growth{Row: g.Row, Bytes: g.Bytes}
	}
	if row.Row == "" {
		return "", "", row.Bytes
	}
	cause, subject = causeOf(row)
	switch cause {
	case diagnosis.Threads:
		subject = a.fastest(history.PrefixPool, from)
	case diagnosis.OtherProcess:
		subject = a.fastest(history.PrefixProcess, from)
	}
	return cause, subject, row.Bytes
}

// heapGrew is by how much the heap was enlarged after the last breakdown.
func (a *Autopsy) heapGrew() int64 {
	row := a.Last.Row(breakdown.Heap)
	if a.Words == nil || a.Words.HeapCommittedBytes == nil || row == nil || row.CommittedBytes == nil {
		return 0
	}
	return *a.Words.HeapCommittedBytes - *row.CommittedBytes
}

// fastest returns what of the series with a prefix grew most.
func (a *Autopsy) fastest(prefix string, from int) string {
	var best string
	var most int64
	from, to := a.Before.Sampled(from), a.Before.Sampled(len(a.Before.Times)-1)
	for name, c := range a.Before.Series {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		grew := difference(c, from, to)
		if grew > most || grew == most && name < best {
			best, most = name, grew
		}
	}
	return strings.TrimPrefix(best, prefix)
}

// causes are the verdicts that the growth of a row stands for, nativeCauses those of
// the parts of native.
var (
	causes = map[breakdown.RowName]diagnosis.Verdict{
		breakdown.Heap: diagnosis.Heap, breakdown.Metaspace: diagnosis.ClassLoader, breakdown.ThreadStacks: diagnosis.Threads,
		breakdown.CodeCache: diagnosis.CodeCache, breakdown.GC: diagnosis.GC, breakdown.Native: diagnosis.NativeUntracked,
		breakdown.Libraries: diagnosis.MappedFiles, breakdown.OtherProcesses: diagnosis.OtherProcess,
		breakdown.MappedFiles: diagnosis.MappedFiles, breakdown.Shmem: diagnosis.Shmem, breakdown.Kernel: diagnosis.Kernel,
		history.Unattributed: diagnosis.Unexplained,
	}
	nativeCauses = map[string]diagnosis.Verdict{
		"direct_buffers": diagnosis.DirectBuffers, "allocator_retained": diagnosis.AllocatorRetention, "jvm_internal": diagnosis.JVMInternal,
	}
)

// causeOf names the verdict that a row's growth stands for.
func causeOf(g Growth) (diagnosis.Verdict, string) {
	row := breakdown.RowName(g.Row)
	switch part, named := nativeCauses[g.Detail]; {
	case row == breakdown.Native && named:
		return part, ""
	case row == breakdown.Native && (g.Detail == "malloc" || g.Detail == "mmap"), row == breakdown.Kernel:
		return causes[row], g.Detail
	case row == breakdown.Libraries:
		return causes[row], string(row)
	}
	return causes[row], ""
}
