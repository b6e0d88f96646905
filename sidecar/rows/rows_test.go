package rows

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	names := make(map[Name]bool)
	for _, row := range All() {
		if names[row.Name] {
			t.Errorf("row %s is there twice", row.Name)
		}
		names[row.Name] = true
		if row.Title == "" || row.About == "" || row.Style.Color == "" {
			t.Errorf("row %s: title, description or colour is missing", row.Name)
		}
		if (row.Style.Pattern == "") != (row.Style.Ink == "") {
			t.Errorf("row %s: a pattern needs an ink", row.Name)
		}
		if row.Sized && row.Reclaimable {
			t.Errorf("row %s: what can be reclaimed needs no room", row.Name)
		}
		for i, d := range row.Details {
			if slices.ContainsFunc(row.Details[:i], func(e Detail) bool { return e.Name == d.Name }) {
				t.Errorf("row %s: detail %s is there twice", row.Name, d.Name)
			}
		}
	}
	if all := All(); all[len(all)-1].Name != Unattributed {
		t.Error("Unattributed is not the last row")
	}
}

func TestStacked(t *testing.T) {
	var got []Name
	for _, row := range Stacked() {
		got = append(got, row.Name)
	}
	want := []Name{
		Heap, Metaspace, Threads, CodeCache, GC, Native, Libraries, OtherProcesses, Shmem, Kernel, Unattributed,
		MappedFiles, PageCache,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestVerdicts(t *testing.T) {
	want := map[Verdict]Name{
		VerdictThreads: Threads, VerdictClassLoader: Metaspace, VerdictHeap: Heap, VerdictDirectBuffers: Native,
		VerdictNativeUntracked: Native, VerdictAllocatorRetention: Native, VerdictJVMInternal: Native,
		VerdictCodeCache: CodeCache, VerdictGC: GC, VerdictMappedFiles: MappedFiles, VerdictShmem: Shmem,
		VerdictKernel: Kernel, VerdictOtherProcess: OtherProcesses, VerdictUnexplained: Unattributed,
	}
	for v, row := range want {
		if got := RowOf(v, ""); got != row || !v.Leak() {
			t.Errorf("%s accuses row %q, leak %t; want %s", v, got, v.Leak(), row)
		}
		if !slices.Contains(Leaks(), v) {
			t.Errorf("Leaks lacks %s", v)
		}
	}
	if n := len(Leaks()); n != len(want) {
		t.Errorf("%d leaks, want %d: %v", n, len(want), Leaks())
	}
	for _, v := range []Verdict{VerdictBudget, VerdictPageCache, VerdictNone, VerdictNotEnoughHistory, ""} {
		if v.Leak() || RowOf(v, "") != "" {
			t.Errorf("%q accuses row %q", v, RowOf(v, ""))
		}
	}
	for subject, row := range map[string]Name{"libraries": Libraries, "some pool": MappedFiles} {
		if got := RowOf(VerdictMappedFiles, subject); got != row {
			t.Errorf("mapped_files of %s accuses row %s, want %s", subject, got, row)
		}
	}
}

func TestAccusers(t *testing.T) {
	var got []string
	for _, a := range Accusers() {
		got = append(got, strings.TrimSuffix(string(a.Row)+"/"+a.Detail, "/")+" "+string(a.Verdict))
		if a.Subject != "" && a.Subject != a.Detail && a.Subject != string(a.Row) {
			t.Errorf("%s/%s has the subject %s", a.Row, a.Detail, a.Subject)
		}
	}
	want := []string{
		"heap heap", "metaspace class_loader", "threads threads", "code_cache code_cache", "gc gc",
		"native/jvm_internal jvm_internal", "native/direct_buffers direct_buffers", "native/untracked native_untracked",
		"native/allocator_retained allocator_retention", "native/malloc native_untracked", "native/mmap native_untracked",
		"libraries/private mapped_files", "other_processes other_process", "mapped_files/private mapped_files",
		"shmem shmem", "kernel kernel", "unattributed unexplained",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestAccuse(t *testing.T) {
	for _, tt := range []struct {
		row    Name
		detail string
		want   Accusation
	}{
		{Heap, "", Accusation{VerdictHeap, ""}},
		{Metaspace, ClassSpace, Accusation{VerdictClassLoader, ""}},
		{Native, "", Accusation{VerdictNativeUntracked, ""}},
		{Native, Untracked, Accusation{VerdictNativeUntracked, ""}},
		{Native, Malloc, Accusation{VerdictNativeUntracked, "malloc"}},
		{Native, AllocatorRetained, Accusation{VerdictAllocatorRetention, ""}},
		{Kernel, Sockets, Accusation{VerdictKernel, "sockets"}},
		{Kernel, "", Accusation{VerdictKernel, ""}},
		{Libraries, Shared, Accusation{VerdictMappedFiles, "libraries"}},
		{MappedFiles, Private, Accusation{VerdictMappedFiles, ""}},
		{OtherProcesses, "redis-server", Accusation{VerdictOtherProcess, ""}},
		{PageCache, "", Accusation{}},
		{"a row of a later version", "", Accusation{}},
	} {
		if got := Accuse(tt.row, tt.detail); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.row, tt.detail, got, tt.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	app := Identity{ID: "0123456789abcdef", Name: "app", Cgroup: "/a", CgroupVersion: 2}
	for _, tt := range []struct {
		name           string
		other          Identity
		same, succeeds bool
	}{
		{"itself", app, true, true},
		{"name not known yet", Identity{ID: app.ID, Cgroup: "/a", CgroupVersion: 2}, true, true},
		{"another cgroup of the container", Identity{ID: app.ID, Cgroup: "/a/b", CgroupVersion: 2}, false, false},
		{"restarted by Kubernetes", Identity{ID: "fedcba9876543210", Name: "app", Cgroup: "/b", CgroupVersion: 2}, false, true},
		{"no name, no ID", Identity{Cgroup: "/b", CgroupVersion: 2}, false, false},
		{"nothing", Identity{}, false, false},
	} {
		if got := app.Same(tt.other); got != tt.same {
			t.Errorf("%s: same %t", tt.name, got)
		}
		if got := tt.other.Succeeds(app); got != tt.succeeds {
			t.Errorf("%s: succeeds %t", tt.name, got)
		}
	}
	one, two := Identity{Cgroup: "/one", CgroupVersion: 2}, Identity{Cgroup: "/two", CgroupVersion: 2}
	if one.Same(two) || one.Succeeds(two) || !one.Succeeds(one) {
		t.Error("containers without name and ID are told apart by their cgroup")
	}
	for want, c := range map[string]Identity{
		"app": app, "0123456789ab": {ID: app.ID, Cgroup: "/a"}, "/a": {Cgroup: "/a"}, "abc": {ID: "abc"}, "": {},
	} {
		if got := c.Label(); got != want {
			t.Errorf("label %q, want %q", got, want)
		}
	}
}

func TestUnreclaimable(t *testing.T) {
	if got := Unreclaimable(new(int64(10)), new(int64(3))); got == nil || *got != 7 {
		t.Error(got)
	}
	if got := Unreclaimable(new(int64(3)), new(int64(10))); got == nil || *got != 0 {
		t.Error(got)
	}
	if Unreclaimable(nil, new(int64(1))) != nil || Unreclaimable(new(int64(1)), nil) != nil {
		t.Error("unknown minus something is known")
	}
}
