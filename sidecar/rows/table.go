package rows

import (
	"cmp"
	"iter"
	"slices"
)

// Row describes a row.
type Row struct {
	Name  Name
	Title string // in pictures
	About string // what the row holds
	// Details are those with a fixed name.
	Details []Detail
	// Reclaimable: the kernel can reclaim most of it, so a full container is not killed
	// because of it. Pictures draw these rows on top.
	Reclaimable bool
	// Sized: the budget check adds it up, as memory that the settings of a JVM lead to.
	// The heap counts there with its maximum.
	Sized bool
	// Accusation is what sustained growth of the row means.
	Accusation
	Style Style
}

// Detail is a part of a row. An Accusation without a verdict is that of the row.
type Detail struct {
	Name string
	Accusation
}

// Accusation is what sustained growth means. No verdict: it is harmless.
type Accusation struct {
	Verdict Verdict
	Subject string // "": none, or found by what grows
}

// Style is how pictures draw a row. Rows of a similar colour differ by pattern.
type Style struct {
	Color   string  // an alpha of 00 shows the background
	Pattern Pattern // in Ink
	Ink     string
	Label   string // colour of text on it; "": none is written on it
	Dark    *Shades
}

// Flat returns a colour for pictures that draw no patterns, as those of Grafana and
// Kibana: a light shade of the ink where the colour is transparent.
func (s Style) Flat() string {
	if len(s.Color) > len("#rrggbb") {
		return s.Ink + "66"
	}
	return s.Color
}

// Shades replace the colours of a Style on a dark background.
type Shades struct{ Color, Ink, Label string }

// Pattern is drawn over a colour; "" is none.
type Pattern string

// The patterns.
const (
	Rising  Pattern = "up" // lines
	Falling Pattern = "down"
	Dotted  Pattern = "dots"
)

// table has the rows in the order of a breakdown.
var table = []Row{
	{
		Name: Heap, Title: "heap", About: "Java objects: the resident pages of the Java heap",
		Sized: true, Accusation: Accusation{Verdict: VerdictHeap},
		Style: Style{Color: "#0072b2", Label: "#ffffff"},
	},
	{
		Name: Metaspace, Title: "metaspace", About: "classes: metaspace, compressed class space, CDS archive",
		Details: []Detail{{Name: NonClass}, {Name: ClassSpace}, {Name: CDSArchive}},
		Sized:   true, Accusation: Accusation{Verdict: VerdictClassLoader},
		Style: Style{Color: "#56b4e9", Label: "#10202b"},
	},
	{
		Name: Threads, Title: "threads", About: "thread stacks",
		Sized: true, Accusation: Accusation{Verdict: VerdictThreads},
		Style: Style{Color: "#e69f00", Label: "#2b1e00"},
	},
	{
		Name: CodeCache, Title: "code cache", About: "code compiled by the JIT",
		Sized: true, Accusation: Accusation{Verdict: VerdictCodeCache},
		Style: Style{Color: "#009e73", Label: "#ffffff"},
	},
	{
		Name: GC, Title: "gc", About: "the collector's own data structures",
		Sized: true, Accusation: Accusation{Verdict: VerdictGC},
		Style: Style{Color: "#f0e442", Label: "#2b2900"},
	},
	{
		Name: Native, Title: "native", About: "malloc and mmap: direct buffers, HotSpot's own, JNI, and what glibc retains",
		Details: []Detail{
			{Name: JVMInternal, Accusation: Accusation{Verdict: VerdictJVMInternal}},
			{Name: DirectBuffers, Accusation: Accusation{Verdict: VerdictDirectBuffers}},
			{Name: Untracked, Accusation: Accusation{Verdict: VerdictNativeUntracked}},
			{Name: AllocatorRetained, Accusation: Accusation{Verdict: VerdictAllocatorRetention}},
			{Name: Malloc, Accusation: Accusation{VerdictNativeUntracked, Malloc}},
			{Name: Mmap, Accusation: Accusation{VerdictNativeUntracked, Mmap}},
		},
		Sized: true, Accusation: Accusation{Verdict: VerdictNativeUntracked},
		Style: Style{Color: "#d55e00", Label: "#ffffff"},
	},
	{
		Name: Libraries, Title: "libraries", About: "pages of shared libraries",
		Details: []Detail{
			{Name: Private, Accusation: Accusation{VerdictMappedFiles, string(Libraries)}},
			{Name: Shared},
		},
		Accusation: Accusation{VerdictMappedFiles, string(Libraries)},
		Style:      Style{Color: "#cc79a7", Label: "#2b1421"},
	},
	{
		Name: OtherProcesses, Title: "other processes", About: "private memory of processes that are not JVMs",
		Sized: true, Accusation: Accusation{Verdict: VerdictOtherProcess},
		Style: Style{Color: "#9bd0f0", Pattern: Rising, Ink: "#0072b2", Label: "#10202b", Dark: &Shades{"#1a4259", "#56b4e9", "#e6f4fd"}},
	},
	{
		Name: MappedFiles, Title: "mapped files", About: "memory-mapped files",
		Details: []Detail{
			{Name: Private, Accusation: Accusation{Verdict: VerdictMappedFiles}},
			{Name: Shared},
		},
		Reclaimable: true, Accusation: Accusation{Verdict: VerdictMappedFiles},
		Style: Style{Color: "#8fd6bf", Pattern: Dotted, Ink: "#00735a", Label: "#0b2a22", Dark: &Shades{"#12483b", "#4cc9a4", "#def7ef"}},
	},
	{
		Name: Shmem, Title: "shmem", About: "files in memory: tmpfs, /dev/shm",
		Sized: true, Accusation: Accusation{Verdict: VerdictShmem},
		Style: Style{Color: "#ebc6da", Pattern: Falling, Ink: "#a0487a", Label: "#2b1421", Dark: &Shades{"#532c44", "#d98fb8", "#fbe9f3"}},
	},
	{
		Name: PageCache, Title: "page cache", About: "files that were read or written; the kernel reclaims it when it needs memory",
		Reclaimable: true,
		Style:       Style{Color: "#e3e7eb", Pattern: Dotted, Ink: "#9aa4ae", Label: "#1c2127", Dark: &Shades{"#353d47", "#717c89", "#e6e9ed"}},
	},
	{
		Name: Kernel, Title: "kernel", About: "kernel memory charged to the container: stacks, page tables, sockets, slab",
		Details: []Detail{
			{Name: KernelStacks, Accusation: Accusation{Subject: KernelStacks}},
			{Name: PageTables, Accusation: Accusation{Subject: PageTables}},
			{Name: Slab, Accusation: Accusation{Subject: Slab}},
			{Name: Percpu, Accusation: Accusation{Subject: Percpu}},
			{Name: Sockets, Accusation: Accusation{Subject: Sockets}},
			{Name: Vmalloc, Accusation: Accusation{Subject: Vmalloc}},
			{Name: KernelOther, Accusation: Accusation{Subject: KernelOther}},
		},
		Sized: true, Accusation: Accusation{Verdict: VerdictKernel},
		Style: Style{Color: "#7a828c", Label: "#ffffff"},
	},
	{
		Name: Unattributed, Title: "unattributed", About: "usage in no row: memory that the kernel charges in advance, and rows that are unknown",
		Accusation: Accusation{Verdict: VerdictUnexplained},
		Style:      Style{Color: "#ffffff00", Pattern: Rising, Ink: "#7a828c", Dark: &Shades{Color: "#00000000", Ink: "#8b949e"}},
	},
}

// All returns the rows in the order of a breakdown, Unattributed last.
func All() []Row { return slices.Clone(table) }

// Stacked returns the rows as pictures stack them, from the bottom up: what the kernel
// can reclaim is on top.
func Stacked() []Row {
	all := All()
	slices.SortStableFunc(all, func(a, b Row) int {
		return map[bool]int{true: 1}[a.Reclaimable] - map[bool]int{true: 1}[b.Reclaimable]
	})
	return all
}

// Of returns the row of that name.
func Of(name Name) (row Row, ok bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}

// Accuse returns what growth of a row means, most of it in a detail ("": not known).
// No verdict: it is harmless, or the row is unknown.
func Accuse(name Name, detail string) Accusation {
	row, _ := Of(name)
	for _, d := range row.Details {
		if d.Name == detail {
			return Accusation{cmp.Or(d.Verdict, row.Verdict), cmp.Or(d.Subject, row.Subject)}
		}
	}
	return row.Accusation
}

// Accuser is a row, or a detail of one, whose growth is judged.
type Accuser struct {
	Row    Name
	Detail string // "": the whole row
	Accusation
}

// Accusers returns what is judged, in the order of the table. A row with details that
// accuse is judged by these: the others may be harmless.
func Accusers() []Accuser {
	var all []Accuser
	for i := range table {
		row := &table[i]
		before := len(all)
		for _, d := range row.Details {
			if d.Verdict != "" {
				all = append(all, Accuser{row.Name, d.Name, d.Accusation})
			}
		}
		if len(all) == before && row.Verdict != "" {
			all = append(all, Accuser{Row: row.Name, Accusation: row.Accusation})
		}
	}
	return all
}

// RowOf returns the row that a verdict with this subject accuses; "" if none.
func RowOf(v Verdict, subject string) Name {
	var found Name
	for a, name := range accusations() {
		switch {
		case a.Verdict != v:
		case a.Subject != "" && a.Subject == subject:
			return name
		case a.Subject == "" && found == "":
			found = name
		}
	}
	return found
}

// accusations yields those of the rows and details that have a verdict, with the row.
func accusations() iter.Seq2[Accusation, Name] {
	return func(yield func(Accusation, Name) bool) {
		for i := range table {
			row := &table[i]
			if row.Verdict != "" && !yield(row.Accusation, row.Name) {
				return
			}
			for _, d := range row.Details {
				if d.Verdict != "" && !yield(d.Accusation, row.Name) {
					return
				}
			}
		}
	}
}
