package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseMountinfo(t *testing.T) {
	read := func(dir string) []mount {
		t.Helper()
		file, err := os.Open(filepath.Join("testdata", dir, "mountinfo"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		mounts, err := parseMountinfo(file)
		if err != nil {
			t.Fatal(err)
		}
		return mounts
	}
	for dir, want := range map[string][]mount{
		"v1-linux6.18-host/proc/103":    {{1, "/", "/sys/fs/cgroup/memory"}, {2, "/", "/sys/fs/cgroup/unified"}},
		"v1-linux6.18-sidecar/proc/101": {{1, "/../" + appID, "/sys/fs/cgroup/memory"}},
		"v1-linux6.18-sidecar/proc/self": {{1, "/../../../../..", "/sys/fs/cgroup/memory"}, {2, "/", "/sys/fs/cgroup/unified"},
			{1, "/", "/w/sr"}},
		"v2-linux6.1-host/proc/101":    {{2, pod + "/" + appID, "/sys/fs/cgroup"}},
		"v2-linux6.1-sidecar/proc/102": {{2, "/../" + freeID, "/sys/fs/cgroup"}},
	} {
		if got := read(dir); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", dir, got, want)
		}
	}
	emptySource := "40 31 0:50 / /data rw - tmpfs  rw,size=64k\n35 31 0:32 / /sys/fs/cgroup rw - cgroup2  rw\n" // mount("", …)
	if got, err := parseMountinfo(strings.NewReader(emptySource)); err != nil || len(got) != 1 || got[0].point != "/sys/fs/cgroup" {
		t.Errorf("mounts without a source: %v, %v", got, err)
	}
	for _, bad := range []string{
		"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime",
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup",
		"35 31 0:32 / - cgroup cgroup rw,memory",
		"35 31 0:32 relative /x rw - cgroup2 cgroup2 rw",
		"\n",
	} {
		if got, err := parseMountinfo(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
	if _, err := parseMountinfo(strings.NewReader(strings.Repeat("x", maxMountLine+1))); err == nil {
		t.Error("a line without end was read")
	}
}

// What was parsed, written again as the kernel writes it, parses to the same.
func FuzzMountinfo(f *testing.F) {
	seeds(f, "testdata/*/proc/*/mountinfo")
	f.Add(`1 2 0:23 /a\134040b /my\040cgroup\011 rw shared:1 master:2 - cgroup2 none rw`, 0)
	f.Fuzz(func(t *testing.T, s string, _ int) {
		mounts, err := parseMountinfo(strings.NewReader(s))
		if err != nil {
			return
		}
		if lines := strings.Count(s, "\n") + 1; len(mounts) > lines {
			t.Fatalf("%d mounts from %d lines", len(mounts), lines)
		}
		var b strings.Builder
		for _, m := range mounts {
			if m.root[0] != '/' || m.point[0] != '/' || m.version != 1 && m.version != 2 {
				t.Errorf("mount %+v", m)
			}
			kind := map[int]string{1: "cgroup c rw,memory", 2: "cgroup2 c rw"}[m.version]
			fmt.Fprintf(&b, "1 2 0:3 %s %s rw - %s\n", escape(m.root), escape(m.point), kind)
		}
		again, err := parseMountinfo(strings.NewReader(b.String()))
		if err != nil || len(again) != len(mounts) || len(mounts) > 0 && !reflect.DeepEqual(again, mounts) {
			t.Errorf("%q: %+v, again %+v (%v)", s, mounts, again, err)
		}
	})
}

// escape writes every byte that is not plain as the kernel's mangle does.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
