package hsperf

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func TestSummaryCaptures(t *testing.T) {
	gcs := map[string]string{"serial": "Serial", "parallel": "Parallel", "cms": "CMS", "g1": "G1", "epsilon": "Epsilon",
		"shenandoah": "Shenandoah", "shengen": "Shenandoah", "z": "ZGC", "zgen": "ZGC"}
	for _, path := range jvmtest.Captures(t, "testdata/*/*/hsperfdata.bin.gz", 68) {
		t.Run(path, func(t *testing.T) {
			d, err := Parse(jvmtest.Capture(t, path))
			if err != nil {
				t.Fatal(err)
			}
			s := d.Summary()
			jdk := strings.TrimPrefix(strings.Split(path, "/")[1], "jdk")
			collector, _, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-nmt")
			if s.GC != gcs[collector] {
				t.Errorf("collector %q", s.GC)
			}
			if version := strings.TrimPrefix(s.JavaVersion, "1."); !strings.HasPrefix(version, jdk) || s.VMName != "OpenJDK 64-Bit Server VM" || s.VMVersion == "" {
				t.Errorf("%q %q %q", s.VMName, s.VMVersion, s.JavaVersion)
			}
			used, capacity := s.HeapUsedBytes(), s.HeapCapacityBytes()
			if used == nil || capacity == nil || *used < 40<<20 || *used > *capacity || *capacity > 256<<20+32 {
				t.Fatalf("heap %v of %v", used, capacity)
			}
			for _, g := range s.Generations {
				var spaces int64
				for _, space := range g.Spaces {
					spaces += *space.CapacityBytes
				}
				if s.GC == "Shenandoah" { // see the package
					spaces = *g.CapacityBytes
				}
				if diff := *g.CapacityBytes - spaces; diff < 0 || diff > 32 || g.Name == "" || *g.MaxBytes < *g.CapacityBytes-32 {
					t.Errorf("%s: spaces %d of %d, max %d", g.Name, spaces, *g.CapacityBytes, *g.MaxBytes)
				}
			}
			generational := collector != "z" || jdk != "11" && jdk != "17" && jdk != "21"
			if n := len(s.Generations); s.WholeHeap() != (s.GC == "Epsilon" || s.GC == "Shenandoah" || !generational) || n > 2 {
				t.Errorf("%d generations", n)
			}
			m, c := s.Metaspace, s.ClassSpace
			if *m.UsedBytes < 3<<20 || *m.UsedBytes > *m.CapacityBytes || *m.CapacityBytes > *m.MaxBytes || *c.UsedBytes > *c.CapacityBytes || *c.CapacityBytes >= *m.CapacityBytes {
				t.Errorf("metaspace %d %d %d, class space %d %d", *m.UsedBytes, *m.CapacityBytes, *m.MaxBytes, *c.UsedBytes, *c.CapacityBytes)
			}
			if *s.ThreadsLive < 15 || *s.ThreadsLive > *s.ThreadsPeak || *s.ThreadsPeak > *s.ThreadsStarted || *s.ThreadsDaemon >= *s.ThreadsLive {
				t.Errorf("threads %d %d %d %d", *s.ThreadsDaemon, *s.ThreadsLive, *s.ThreadsPeak, *s.ThreadsStarted)
			}
			// Arrays are no classes here, so NMT has some hundred more.
			if *s.ClassesLoaded < 1100 || *s.ClassesLoaded > 2100 || *s.ClassesUnloaded > 100 {
				t.Errorf("classes %d, %d", *s.ClassesLoaded, *s.ClassesUnloaded)
			}
			if s.Started == nil || s.Started.Format("2006-01-02") != "2026-11-23" {
				t.Errorf("started %v", s.Started)
			}
			hasTicks := jdk == "8" || jdk == "11" || jdk == "17" || jdk == "21"
			if (s.Uptime != nil) != hasTicks || hasTicks && (*s.Uptime < 3*time.Second || *s.Uptime > 20*time.Second) {
				t.Errorf("uptime %v", s.Uptime)
			}
			var runs int64
			var spent time.Duration
			for _, c := range s.Collectors {
				runs += *c.Invocations
				spent += *c.Time
			}
			if none := s.GC == "Epsilon" || s.GC == "ZGC" && jdk == "11"; (runs == 0) != none || (spent == 0) != none || spent > 2*time.Second {
				t.Errorf("%d collections, %v", runs, spent)
			}
			nmt, ok := d.Flag("NativeMemoryTracking")
			want := "summary"
			if _, level, found := strings.Cut(filepath.Base(filepath.Dir(path)), "-nmt"); found {
				want = level
			}
			if xmx, okX := d.Flag("Xmx"); xmx != "256m" || !okX || !ok || nmt != want {
				t.Errorf("Xmx %q, NMT %q", xmx, nmt)
			}
		})
	}
}

func TestSummaryExact(t *testing.T) {
	d, err := Parse(jvmtest.Capture(t, "testdata/jdk25/g1/hsperfdata.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Summary()
	old := s.Generations[1]
	if old.Name != "old" || *old.UsedBytes != 90092528 || *old.CapacityBytes != 183500800 || *old.MaxBytes != 268435456 || len(s.Generations[0].Spaces) != 3 {
		t.Errorf("old %+v", old)
	}
	if *s.HeapUsedBytes() != 90092528+1048576 || *s.HeapCapacityBytes() != 256<<20 {
		t.Errorf("heap %d of %d", *s.HeapUsedBytes(), *s.HeapCapacityBytes())
	}
	if *s.ClassesLoaded != 541+1050 || *s.ThreadsLive != 19 || *s.Metaspace.UsedBytes != 4087208 || *s.ClassSpace.CapacityBytes != 524288 {
		t.Errorf("%+v", s)
	}
	if c := s.Collectors[1]; c.Name != "G1 full collection pauses" || *c.Invocations != 1 || *c.Time != 17517409 {
		t.Errorf("%+v", c)
	}
	if got := s.Started.UnixMilli(); got != 1795434189082 {
		t.Errorf("started %d", got)
	}
}

func TestUnknownIsNil(t *testing.T) {
	d, err := Parse(file(binary.LittleEndian, entry{"sun.gc.generation.0.space.0.capacity", int64(5)}, entry{"java.threads.live", int64(-1)}, entry{"sun.os.hrt.ticks", int64(5)}))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Summary()
	if s.HeapUsedBytes() != nil || s.HeapCapacityBytes() != nil || s.ThreadsLive != nil || s.ClassesLoaded != nil || s.Uptime != nil || s.Started != nil ||
		s.Metaspace != (Space{}) || s.GC != "" || s.VMVersion != "" || len(s.Generations) != 1 || s.Collectors != nil {
		t.Errorf("%+v", s)
	}
}

func TestFlags(t *testing.T) {
	const secret = "hunter2"
	d, err := Parse(file(binary.LittleEndian,
		entry{vmFlags, "-XX:+UseSerialGC -XX:MaxMetaspaceSize=1m"},
		entry{vmArgs, "-Xmx1g -XX:MaxMetaspaceSize=2m -Dpassword=" + secret + " -XX:+DisableAttachMechanism -XX:-UsePerfData -Xrs -Xmx2g -XX:Name=-Xms5m -Xss -javaagent:x=-Xmn1m"},
		entry{javaCommand, "com.example.Main --password " + secret}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Xmx": "2g", "MaxMetaspaceSize": "2m", "UseSerialGC": "true", "DisableAttachMechanism": "true", "UsePerfData": "false", "Xrs": "", "Name": "-Xms5m",
	} {
		if got, ok := d.Flag(name); !ok || got != want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "Xms", "Xss", "Xmn", "X", "MaxMetaspace", "password", "Dpassword", "-Dpassword", "Dpassword=" + secret, "XX:Name", "xmx", "javaagent:x"} {
		if got, ok := d.Flag(name); ok {
			t.Errorf("%q: %q", name, got)
		}
	}
	for _, name := range []string{vmArgs, vmFlags, javaCommand} {
		if got, ok := d.String(name); ok || got != "" {
			t.Errorf("%s is handed out: %q", name, got)
		}
	}
	if text := fmt.Sprintf("%+v %v %#v %s %+v", d.Summary(), d, d, d, *d); strings.Contains(text, secret) {
		t.Errorf("a secret is printed: %s", text)
	}
}
