package breakdown

import (
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestWithOwners: the owners and what is left add up to what they divide, also where it changed
// since the look, and the container before is not changed.
func TestWithOwners(t *testing.T) {
	at := time.Date(2026, 11, 29, 14, 5, 0, 0, time.UTC)
	look := func(held ...owners.Held) *owners.Snapshot {
		return &owners.Snapshot{Time: at, Held: held, Complete: true}
	}
	libz := owners.Held{Name: "libz (java.util.zip.Deflater)", Library: "libz.so.1.2.13", ResidentBytes: 24 * mib}
	mapped := owners.Held{Name: "libgpu", Library: "libgpu.so", Mapped: true, ResidentBytes: 8 * mib}
	var many []owners.Held
	for i := range 20 {
		many = append(many, owners.Held{Name: string(rune('a' + i)), ResidentBytes: int64(20-i) * mib / 20})
	}
	older := look(libz)
	older.Time, older.Complete, older.Reason = at.Add(-time.Hour), false, "the time is over"
	for name, tt := range map[string]struct {
		untracked, malloc int64 // in MiB; 0: unknown
		jvms              int
		looks             []*owners.Snapshot
		want              string // the owners with their MiB
		look              string
	}{
		"not looked at":         {untracked: 30},
		"unknown":               {looks: []*owners.Snapshot{look(libz)}},
		"nobody is known":       {untracked: 30, looks: []*owners.Snapshot{look()}, want: "other 30", look: "14:05 untracked"},
		"grew since":            {untracked: 40, looks: []*owners.Snapshot{look(libz, mapped)}, want: "libz (java.util.zip.Deflater) 24, libgpu 8, other 8", look: "14:05 untracked"},
		"NMT is off":            {malloc: 40, looks: []*owners.Snapshot{look(libz, mapped)}, want: "libz (java.util.zip.Deflater) 24, other 16", look: "14:05 malloc"},
		"a little less":         {untracked: 30, looks: []*owners.Snapshot{look(libz, mapped)}, want: "libz (java.util.zip.Deflater) 24, libgpu 6, other 0", look: "14:05 untracked"},
		"freed since":           {untracked: 10, looks: []*owners.Snapshot{look(libz)}, look: "14:05 untracked the look is out of date: of 24.0 MiB that owners had, 14.0 MiB or more were freed since"},
		"two JVMs":              {untracked: 60, jvms: 2, looks: []*owners.Snapshot{look(libz), older}, want: "libz (java.util.zip.Deflater) 48, other 12", look: "13:05 untracked the time is over"},
		"one of two JVMs":       {untracked: 60, jvms: 2, looks: []*owners.Snapshot{look(libz)}, want: "libz (java.util.zip.Deflater) 24, other 36", look: "14:05 untracked 1 of 2 JVMs were looked at"},
		"more than are details": {untracked: 60, looks: []*owners.Snapshot{look(many...)}, want: "a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, other 53", look: "14:05 untracked"},
	} {
		size := func(mibs int64) *int64 {
			if mibs == 0 {
				return nil
			}
			return new(mibs * mib)
		}
		c := Container{JVMs: make([]JVM, max(1, tt.jvms)), Memory: []Row{{Name: rows.Heap}, {Name: rows.Native, Bytes: size(100), Detail: []Detail{
			{Name: rows.Untracked, Bytes: size(tt.untracked)}, {Name: rows.Malloc, Bytes: size(tt.malloc)},
		}}}}
		got := c.WithOwners(tt.looks)
		if got = got.WithOwners(tt.looks); c.Owners != nil || len(c.Memory[1].Detail[0].Detail)+len(c.Memory[1].Detail[1].Detail) > 0 {
			t.Errorf("%s: the container itself has changed", name)
		}
		var parts []string
		var sum int64
		if d := got.Divided(); d != nil {
			for _, part := range d.Detail {
				parts = append(parts, part.Name+" "+strings.TrimSuffix(SignedSize((*part.Bytes+mib/2)/mib*mib), ".0 MiB")[1:])
				sum += *part.Bytes
			}
			if sum != *d.Bytes {
				t.Errorf("%s: owners have %d of %d bytes", name, sum, *d.Bytes)
			}
		}
		parts2 := strings.ReplaceAll(strings.Join(parts, ", "), "other 0 KiB", "other 0")
		text := ""
		if l := got.Owners; l != nil {
			text = strings.TrimSpace(l.Time.Format("15:04 ") + l.Divided + " " + l.Reason)
		}
		if parts2 != tt.want || text != tt.look {
			t.Errorf("%s: %q, look %q; want %q, %q", name, parts2, text, tt.want, tt.look)
		}
	}
}

func TestOwnersText(t *testing.T) {
	at := time.Date(2026, 11, 29, 14, 5, 0, 0, time.UTC)
	c := Container{Memory: []Row{{Name: rows.Native, Detail: []Detail{{Name: rows.Untracked, Bytes: new(int64(30 * mib))}}}}}
	show := func() string {
		var b strings.Builder
		r := Report{Time: at.Add(12 * time.Minute), Containers: []Container{c}}
		r.Containers[0].RowsAgeSeconds = new(3.0)
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	contains := func(part string) {
		t.Helper()
		if text := show(); !strings.Contains(text, part) {
			t.Errorf("want %q in\n%s", part, text)
		}
	}
	contains("The owners of untracked were not looked at: `jvmem owners` does.\n")
	look := &owners.Snapshot{Time: at, Complete: true, Held: []owners.Held{{Name: "libz", ResidentBytes: 20 * mib}}}
	c = c.WithOwners([]*owners.Snapshot{look})
	contains("    libz ")
	contains("    other ")
	contains("The owners of untracked are those of 2026-11-29T14:05:00Z, 12m3s ago.\n")
	look.Held[0].ResidentBytes = 60 * mib
	c = c.WithOwners([]*owners.Snapshot{look})
	contains("The owners of untracked were looked at 12m3s ago: the look is out of date: ")
}
