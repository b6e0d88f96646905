package cause

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jfr"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

var update = flag.Bool("update", false, "write the golden files")

// captures of package jfr: recordings of e2e/causes.
const captures = "../../jfr/testdata/"

// TestFind compares what is found in recordings of real JVMs with golden files.
func TestFind(t *testing.T) {
	kinds := map[string]Kind{"threads": Threads, "classes": ClassLoader, "heap": Heap, "zip": Zip}
	for _, path := range jvmtest.Captures(t, captures+"jdk*/*.jfr.gz", 15) {
		name := strings.TrimSuffix(strings.TrimPrefix(path, captures), ".jfr.gz")
		t.Run(name, func(t *testing.T) {
			kind, _, _ := strings.Cut(filepath.Base(name), "-")
			f := find(t, jvmtest.Capture(t, path), kinds[kind])
			got, err := json.MarshalIndent(f, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := "testdata/" + strings.ReplaceAll(name, "/", "-") + ".json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

func find(t *testing.T, b []byte, kind Kind) *Finding {
	t.Helper()
	f, err := Find(bytes.NewReader(b), int64(len(b)), kind, Known{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An open chunk names the same line as the finished one.
func TestFindInOpenChunk(t *testing.T) {
	for _, path := range jvmtest.Captures(t, captures+"jdk*/threads-open.gz", 3) {
		f := find(t, jvmtest.Capture(t, path), Threads)
		if len(f.Causes) == 0 || f.Causes[0].Line.String() != "com.acme.shop.ThreadServices.lambda$session$1(ThreadServices.java:29)" {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	if _, err := Find(bytes.NewReader(nil), 0, "weather", Known{}); err == nil {
		t.Error("no error for an unknown kind")
	}
	if _, err := Find(bytes.NewReader(nil), 0, Heap, Known{}); err == nil {
		t.Error("no error for an empty file")
	}
}

var (
	sync     = jfr.Frame{Class: "com.acme.OrderSync", Method: "connect", Line: 42}
	mail     = jfr.Frame{Class: "com.acme.Mail$Sender", Method: "send", Line: 7}
	start0   = jfr.Frame{Class: "java.lang.Thread", Method: "start0"}
	worker   = jfr.Frame{Class: "java.util.concurrent.ThreadPoolExecutor", Method: "addWorker", Line: 945}
	cglib    = jfr.Frame{Class: "com.acme.OrderSync$$EnhancerBySpringCGLIB$$1f", Method: "connect"}
	lambda   = jfr.Frame{Class: "com.acme.OrderSync$$Lambda$14+0x0007f.1", Method: "run"}
	proxy    = jfr.Frame{Class: "jdk.proxy2.$Proxy12", Method: "connect"}
	spring   = jfr.Frame{Class: "org.springframework.aop.framework.JdkDynamicAopProxy", Method: "invoke", Line: 204}
	anonFun  = jfr.Frame{Class: "com.acme.Job$$anonfun$run$1", Method: "apply", Line: 3}
	kotlin   = jfr.Frame{Class: "com.acme.ToolsKt", Method: "open", Line: 9}
	missing  = jfr.Frame{}
	hibernat = jfr.Frame{Class: "com.acme.Order$HibernateProxy$xyz", Method: "get"}
)

func TestLead(t *testing.T) {
	for name, c := range map[string]struct {
		frames []jfr.Frame
		want   string
	}{
		"the JDK is folded":         {[]jfr.Frame{start0, worker, sync, mail}, "com.acme.OrderSync.connect(OrderSync.java:42)"},
		"generated code is folded":  {[]jfr.Frame{start0, cglib, lambda, proxy, hibernat, spring, mail}, "com.acme.Mail$Sender.send(Mail.java:7)"},
		"a function of Scala leads": {[]jfr.Frame{start0, anonFun, mail}, "com.acme.Job$$anonfun$run$1.apply(Job.java:3)"},
		"a file of Kotlin":          {[]jfr.Frame{kotlin}, "com.acme.ToolsKt.open(Tools.kt:9)"},
		"no other code":             {[]jfr.Frame{start0, missing, worker}, ""},
		"no stack":                  {nil, ""},
		"only a library":            {[]jfr.Frame{start0, worker, spring}, "org.springframework.aop.framework.JdkDynamicAopProxy.invoke(JdkDynamicAopProxy.java:204)"},
	} {
		l, ok := stack{frames: c.frames}.lead(nil)
		if got := l.String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %s, %v", name, got, ok)
		}
	}
}

// What called a library may be in the part of a stack that is missing.
func TestLeadOfTruncatedStack(t *testing.T) {
	if l, ok := (stack{frames: []jfr.Frame{start0, spring}, truncated: true}).lead(nil); ok {
		t.Errorf("%v", l)
	}
	if l, ok := (stack{frames: []jfr.Frame{start0, sync}, truncated: true}).lead(nil); !ok || l != lineOf(sync) {
		t.Errorf("%v", l)
	}
}

func TestScripts(t *testing.T) {
	for class, want := range map[string]string{
		"Script1": generatedCode, "Script12$_run_closure1": generatedCode, "Script": "", "ScriptA1": "", "com.acme.Script1": "", "Script1x": "",
	} {
		if got := folded(jfr.Frame{Class: class}); got != want {
			t.Errorf("%s: %q", class, got)
		}
	}
}

func TestShow(t *testing.T) {
	got := strings.Join(stack{frames: []jfr.Frame{start0, worker, worker, sync, cglib, spring, spring, mail}}.show(), ", ")
	want := "JDK (1 frame), java.util.concurrent (2 frames), com.acme.OrderSync.connect(OrderSync.java:42), generated code (1 frame), Spring (2 frames), " +
		"com.acme.Mail$Sender.send(Mail.java:7)"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		first, second, jdk, freed int
		want                      bool
	}{
		"one line":                   {first: 10, want: true},
		"too few":                    {first: 9},
		"a clear lead":               {first: 30, second: 10, want: true},
		"too near":                   {first: 30, second: 20},
		"most is of no line":         {first: 10, jdk: 40},
		"only of no line":            {jdk: 40},
		"some are gone":              {first: 60, second: 10, freed: 10, want: true},
		"those that are gone decide": {first: 60, second: 10, freed: 40},
	} {
		var s sites
		s.add(s.at(stack{frames: []jfr.Frame{sync}}, nil), c.first, "a", "")
		s.add(s.at(stack{frames: []jfr.Frame{mail}}, nil), c.second, "b", "")
		s.add(s.at(stack{frames: []jfr.Frame{start0}}, nil), c.jdk, "c", "")
		var f Finding
		s.judge(&f, "threads", c.freed)
		named := len(f.Causes) > 0
		if named != c.want || named == (f.Reason != "") || named && f.Causes[0].Line != lineOf(sync) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// window is a recording of 10 s.
func window() (Finding, func(seconds int) time.Time) {
	from := time.Unix(1_700_000_000, 0)
	return Finding{From: from, To: from.Add(10 * time.Second)}, func(s int) time.Time { return from.Add(time.Duration(s) * time.Second) }
}

func TestThreadsThatStay(t *testing.T) {
	for name, c := range map[string]struct {
		young, ended, renewed int // of the 30 of sync
		want                  int
	}{
		"all stay":                              {0, 0, 0, 30},
		"those that started late do not count":  {15, 0, 0, 15},
		"those that ended do not count":         {0, 12, 0, 18},
		"a pool that renews them does not grow": {0, 0, 30, 0},
	} {
		f, at := window()
		var counter threadCounter
		site := counter.sites.at(stack{frames: []jfr.Frame{start0, sync}}, nil)
		for i := range 30 {
			when := at(i % 5)
			if i < c.young {
				when = at(8)
			}
			put(&counter.starts, int64(i+1), start{when, "order-#", site})
			if i < c.ended {
				put(&counter.ends, int64(i+1), "order-#")
			}
		}
		for i := range c.renewed {
			put(&counter.ends, int64(1000+i), "order-#")
		}
		counter.finish(&f)
		if f.Total != c.want || (len(f.Causes) > 0) != (c.want >= minSamples) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestClassesThatStay(t *testing.T) {
	f, at := window()
	var c classCounter
	add := func(class, loader int, name, loaderType string, frames ...jfr.Frame) {
		c.defined = append(c.defined, &definition{int64(class), int64(loader), plain(name), loaderType, at(class % 5), stack{frames: frames}})
	}
	load := jfr.Frame{Class: "com.acme.ScriptLoader", Method: "load", Line: 1}
	script := jfr.Frame{Class: "com.acme.Script1", Method: "run", Line: 2}
	for i := range 20 { // 20 loaders of two classes: the second is loaded by the first one
		add(10+2*i, 100+i, "com.acme.Script1", "com.acme.ScriptLoader", load, sync)
		add(11+2*i, 100+i, "com.acme.Script1$Helper", "com.acme.ScriptLoader", load, script, sync)
	}
	for i, name := range []string{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"} { // loaded lazily
		add(200+i, 1, "com.acme."+name, "app", mail)
	}
	c.unloaded = map[int64]bool{10: true, 11: true}
	c.finish(&f)
	if f.Total != 19 || len(f.Causes) != 1 || f.Causes[0].Line != lineOf(sync) || f.Causes[0].What != "com.acme.ScriptLoader" {
		t.Errorf("%+v", f)
	}
}

func TestSettings(t *testing.T) {
	for kind := range sources {
		if s := Settings(kind, Options{JDK: 17, Trace: true}); len(s) == 0 || s[0].Event == methodTrace {
			t.Errorf("%s: %v", kind, s)
		}
	}
	s := Settings(Zip, Options{JDK: 25, Trace: true})
	if len(s) != 5 || s[3].Value != "java.util.zip.Deflater::<init>;java.util.zip.Inflater::<init>;"+
		"java.util.zip.Deflater$DeflaterZStreamRef::run;java.util.zip.Inflater$InflaterZStreamRef::run" {
		t.Errorf("%v", s)
	}
	if s := Settings("weather", Options{}); s != nil {
		t.Errorf("%v", s)
	}
}

// Calls of jdk.MethodTrace in a window of 10 s; a collection of the old generation at gc, if any.
func TestCallsThatStay(t *testing.T) {
	for name, c := range map[string]struct {
		kind                Kind
		first, second, late int // calls; late ones of the first line are in second 9
		freed, gc           int
		want                int
	}{
		"none is freed":                        {kind: Zip, first: 30, gc: 8, want: 30},
		"all are freed":                        {kind: Zip, first: 30, freed: 30, gc: 8},
		"those after the collection":           {kind: Zip, first: 5, late: 30, gc: 8},
		"without a collection, one line":       {kind: Zip, first: 30, want: 30},
		"without a collection, two lines":      {kind: Zip, first: 90, second: 10},
		"sockets are not closed by collecting": {kind: Sockets, first: 90, second: 10, want: 90},
	} {
		f, at := window()
		counter := objectCounter{source: sources[c.kind], traced: true, freed: c.freed}
		call := func(n int, frame jfr.Frame, second int) {
			for range n {
				counter.calls = append(counter.calls, sample{counter.sites.at(stack{frames: []jfr.Frame{start0, frame}}, nil), at(second), "x", ""})
			}
		}
		call(c.first, sync, 1)
		call(c.second, mail, 1)
		call(c.late, sync, 9)
		if c.gc > 0 {
			counter.lastGC = at(c.gc)
		}
		counter.finish(&f)
		got := 0
		if len(f.Causes) > 0 {
			got = f.Causes[0].Count
		}
		if got != c.want || (got == 0) == (f.Reason == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// Objects of a recording of 10 s.
func TestObjectsThatStay(t *testing.T) {
	for name, c := range map[string]struct{ old, young, gc, want int }{
		"old ones":              {20, 20, 9, 20},
		"young ones only":       {0, 40, 9, 0},
		"an early collection":   {20, 0, 3, 0},
		"no collection":         {20, 0, 0, 0},
		"fewer than are needed": {9, 0, 9, 0},
	} {
		f, at := window()
		counter := objectCounter{source: sources[Heap]}
		for i := range c.old + c.young {
			when := at(1)
			if i >= c.old {
				when = at(8)
			}
			counter.old = append(counter.old, sample{counter.sites.at(stack{frames: []jfr.Frame{sync}}, nil), when, "[B", "static field com.acme.Cache.ALL"})
		}
		if c.gc > 0 {
			counter.lastGC = at(c.gc)
		}
		counter.finish(&f)
		got := 0
		if len(f.Causes) > 0 {
			got = f.Causes[0].Count
		}
		if got != c.want || !f.Sampled || got > 0 && f.Causes[0].HeldBy == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
