package attach

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const minimalStatus = "State:\tT (stopped)\nUid:\t1\t1000\t3\t4\nGid:\t5\t2000\t7\t8\nSigCgt:\t0000000000000004\n"

func TestParseStatus(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       process
	}{
		{"JDK 8", read(t, "jdk8-g1-status.txt"), process{state: 'S', nspid: 13156, caught: true}},
		{"JDK 17", read(t, "jdk17-g1-status.txt"), process{state: 'S', nspid: 24824, caught: true}},
		{"JDK 25", read(t, "jdk25-g1-status.txt"), process{state: 'S', nspid: 4132, caught: true}},
		{"effective IDs, no NSpid", minimalStatus, process{state: 'T', euid: 1000, egid: 2000, caught: true}},
		{"nested PID namespaces", minimalStatus + "NSpid:\t4711\t42\t7\n", process{state: 'T', euid: 1000, egid: 2000, nspid: 7, caught: true}},
		{"other signals only", strings.Replace(minimalStatus, "000004", "0ffffb", 1), process{state: 'T', euid: 1000, egid: 2000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStatus(strings.NewReader(test.text))
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestParseStatusMalformed(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"cut before SigCgt": minimalStatus[:strings.Index(minimalStatus, "SigCgt")],
		"no mask":           strings.Replace(minimalStatus, "0000000000000004", "", 1),
		"mask not hex":      strings.Replace(minimalStatus, "0000000000000004", "caught", 1),
		"three UIDs":        strings.Replace(minimalStatus, "\t1000", "", 1),
		"negative UID":      strings.Replace(minimalStatus, "1000", "-1", 1),
		"no state":          strings.Replace(minimalStatus, "T (stopped)", "", 1),
		"NSpid 0":           minimalStatus + "NSpid:\t0\n",
		"endless line":      minimalStatus[:20] + strings.Repeat("x", 2<<20),
	} {
		if got, err := parseStatus(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}

// What other lines a kernel writes, before or after, changes nothing.
func FuzzParseStatus(f *testing.F) {
	f.Add("Name:\tjava\nUmask:\t0022\n", "Threads:\t32\nSigQ:\t0/96365\n", uint32(1000), uint32(0), uint64(0x2000000101005ccc), uint16(7))
	f.Add("Groups:\t \n:\n\n\t:", "State", uint32(1<<32-1), uint32(1), uint64(0), uint16(0))
	f.Fuzz(func(t *testing.T, before, after string, uid, gid uint32, mask uint64, nspid uint16) {
		for _, key := range []string{"State:", "Uid:", "Gid:", "NSpid:", "SigCgt:"} {
			if strings.Contains(before+"|"+after, key) {
				t.Skip()
			}
		}
		if strings.Contains(before, "\r") || strings.Contains(after, "\r") {
			t.Skip()
		}
		want := process{state: 'S', euid: int(uid), egid: int(gid), nspid: int(nspid) + 1, caught: mask>>2&1 == 1}
		text := fmt.Sprintf("%s\nState:\tS (sleeping)\nUid:\t9\t%d\t9\t9\nGid:\t9\t%d\t9\t9\nNSpid:\t9\t%d\nSigCgt:\t%016x\n%s",
			before, uid, gid, want.nspid, mask, after)
		if got, err := parseStatus(strings.NewReader(text)); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v from %q", got, err, want, text)
		}
	})
}

func TestParseStartTime(t *testing.T) {
	const rest = " S 12270 12203 12202 0 -1 4194560 55861 0 0 0 64 15 0 0 30 10 33 0 762259 2962223104 60129\n"
	for _, name := range []string{"java", "a) Z 1 (b", ""} {
		state, ticks, err := parseStartTime("24824 (" + name + ")" + rest)
		if state != 'S' || ticks != 762259 || err != nil {
			t.Errorf("name %q: got %c, %d, %v", name, state, ticks, err)
		}
	}
	for _, text := range []string{"", "1 (java) S", "1 (java)" + strings.Replace(rest, "762259", "-1", 1), rest[:60]} {
		if _, _, err := parseStartTime(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// The start time comes back whatever the process calls itself.
func FuzzParseStartTime(f *testing.F) {
	f.Add("java", uint64(762259))
	f.Add(") S 1 2 (", uint64(0))
	f.Fuzz(func(t *testing.T, name string, want uint64) {
		stat := fmt.Sprintf("1 (%s) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 %d 23 24\n", name, want)
		if state, got, err := parseStartTime(stat); err != nil || got != want || state != 'R' {
			t.Fatalf("got %c, %d, %v from %q", state, got, err, stat)
		}
	})
}

func TestHotspotMaps(t *testing.T) {
	const line = "7f0000000000-7f0000001000 r-xp 00000000 08:01 42    %s\n"
	hotspot := fmt.Sprintf(line, "/opt/jdk/lib/server/libjvm.so")
	for _, test := range []struct {
		name, maps string
		want       bool
	}{
		{"JDK 8", read(t, "jdk8-g1-maps.txt.gz"), true},
		{"JDK 25", read(t, "jdk25-g1-maps.txt.gz"), true},
		{"replaced by an update", fmt.Sprintf(line, "/opt/jdk/lib/server/libjvm.so (deleted)"), true},
		{"OpenJ9", hotspot + fmt.Sprintf(line, "/opt/jdk/lib/default/libj9vm29.so"), false},
		{"only by name alike", fmt.Sprintf(line, "/opt/libjvm.so.d/mylibjvm.so"), false},
		{"nothing", "", false},
	} {
		if got, err := hotspotMaps(strings.NewReader(test.maps)); got != test.want || err != nil {
			t.Errorf("%s: got %v, %v", test.name, got, err)
		}
	}
}
