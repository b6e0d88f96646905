package rows

import (
	"slices"
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
	stacked, reclaimable := Stacked(), false
	for _, row := range stacked {
		if reclaimable && !row.Reclaimable {
			t.Errorf("%s is above a row that can be reclaimed", row.Name)
		}
		reclaimable = row.Reclaimable
	}
	if len(stacked) != len(All()) || stacked[0].Name != Heap || stacked[len(stacked)-1].Name != PageCache {
		t.Errorf("%v", stacked)
	}
}

func TestVerdicts(t *testing.T) {
	leaks := Leaks()
	for i, v := range leaks {
		if !v.Leak() || RowOf(v, "") == "" || slices.Contains(leaks[:i], v) {
			t.Errorf("%s: leak %t, row %q, or it is there twice", v, v.Leak(), RowOf(v, ""))
		}
	}
	for _, v := range []Verdict{VerdictBudget, VerdictPageCache, VerdictNone, VerdictNotEnoughHistory, "", "of a later version"} {
		if v.Leak() || RowOf(v, "") != "" {
			t.Errorf("%q: leak %t, row %q", v, v.Leak(), RowOf(v, ""))
		}
	}
	for _, tt := range []struct {
		verdict Verdict
		subject string
		row     Name
	}{
		{VerdictHeap, "", Heap}, {VerdictThreads, "exec-#", Threads}, {VerdictDirectBuffers, "", Native},
		{VerdictUnexplained, "", Unattributed}, {VerdictMappedFiles, "", MappedFiles}, {VerdictMappedFiles, "libraries", Libraries},
	} {
		if got := RowOf(tt.verdict, tt.subject); got != tt.row {
			t.Errorf("%s (%s) is about row %s, want %s", tt.verdict, tt.subject, got, tt.row)
		}
	}
}

func TestJudged(t *testing.T) {
	parts := Judged()
	for _, v := range Leaks() {
		if !slices.ContainsFunc(parts, func(p Part) bool { return p.Verdict == v }) {
			t.Errorf("nothing is judged for the verdict %s", v)
		}
	}
	for _, tt := range []struct {
		row     Name
		details []string
	}{
		{Heap, []string{""}}, {Metaspace, []string{""}}, {Kernel, []string{""}}, {MappedFiles, []string{Private}}, {PageCache, nil},
		{Native, []string{JVMInternal, DirectBuffers, Untracked, AllocatorRetained, Malloc, Mmap}},
	} {
		var got []string
		for _, p := range parts {
			if p.Row == tt.row {
				got = append(got, p.Detail)
			}
		}
		if !slices.Equal(got, tt.details) {
			t.Errorf("%s: judged are %q, want %q", tt.row, got, tt.details)
		}
	}
}

func TestCauseOf(t *testing.T) {
	for _, tt := range []struct {
		row    Name
		detail string
		want   Cause
	}{
		{Heap, "", Cause{VerdictHeap, ""}},
		{Metaspace, ClassSpace, Cause{VerdictClassLoader, ""}},
		{Native, "", Cause{VerdictNativeUntracked, ""}},
		{Native, Untracked, Cause{VerdictNativeUntracked, ""}},
		{Native, Malloc, Cause{VerdictNativeUntracked, "malloc"}},
		{Native, AllocatorRetained, Cause{VerdictAllocatorRetention, ""}},
		{Kernel, Sockets, Cause{VerdictKernel, "sockets"}},
		{Kernel, "", Cause{VerdictKernel, ""}},
		{Libraries, Shared, Cause{VerdictMappedFiles, "libraries"}},
		{MappedFiles, Private, Cause{VerdictMappedFiles, ""}},
		{OtherProcesses, "redis-server", Cause{VerdictOtherProcess, ""}},
		{PageCache, "", Cause{}},
		{"a row of a later version", "", Cause{}},
	} {
		if got := CauseOf(tt.row, tt.detail); got != tt.want {
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
		t.Error("containers without name and ID are distinguished by their cgroup")
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
