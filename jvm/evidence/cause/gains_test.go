package cause

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// What the live objects gained names a line only if most of what it allocated stays.
func TestGains(t *testing.T) {
	const mib = 1 << 20
	type allocated struct {
		class   string
		frame   jfr.Frame
		samples int // of 1 MiB each
	}
	node := allocated{"java.util.HashMap$Node", sync, 6}
	bean := allocated{"com.acme.Order", sync, 6}
	inLambda := allocated{"com.acme.Line", jfr.Frame{Class: sync.Class, Method: "lambda$connect$0", Line: sync.Line}, 6}
	garbage := allocated{"[B", mail, 500}
	for name, c := range map[string]struct {
		allocated []allocated
		gained    map[string]int64 // MiB
		total     int64
		want      string
		reason    string
	}{
		"one line":                   {[]allocated{node, bean, garbage}, map[string]int64{node.class: 5, bean.class: 6, "[B": 4}, 15, "com.acme.OrderSync.connect", ""},
		"and a lambda in it":         {[]allocated{inLambda, node, garbage}, map[string]int64{node.class: 5, inLambda.class: 6, "[B": 4}, 15, "com.acme.OrderSync.connect", ""},
		"most of the class dies":     {[]allocated{garbage}, map[string]int64{"[B": 90}, 90, "", "of no class most of what was allocated stays"},
		"two lines allocate a class": {[]allocated{node, {node.class, mail, 6}, bean}, map[string]int64{node.class: 12}, 12, "", "of no class"},
		"too few samples":            {[]allocated{node}, map[string]int64{node.class: 6}, 6, "", "only 6 allocations"},
		"a small part of the gain":   {[]allocated{node, bean, garbage}, map[string]int64{node.class: 5, bean.class: 6, "[B": 100}, 111, "", "explains 10 % of what the live objects gained, 10 % at most"},
		"two lines stay": {
			[]allocated{node, bean, {"com.acme.Mail", mail, 10}},
			map[string]int64{node.class: 6, bean.class: 6, "com.acme.Mail": 9}, 21, "", "explains 57 %",
		},
		"it may explain the rest": {[]allocated{node, bean, {"[B", sync, 60}, garbage}, map[string]int64{node.class: 5, bean.class: 6, "[B": 50}, 61, "com.acme.OrderSync.connect", ""},
		"it cannot explain it":    {[]allocated{node, bean, {"[B", sync, 10}, garbage}, map[string]int64{node.class: 5, bean.class: 6, "[B": 50}, 61, "", "explains 18 % of what the live objects gained, 34 % at most"},
		"the heap shrank":         {[]allocated{node, bean}, map[string]int64{node.class: 6, bean.class: 6}, -1, "", "gained less than 1024 KiB"},
		"none":                    {nil, map[string]int64{node.class: 6}, 6, "", "of no class"},
	} {
		var s sites
		var a allocations
		for _, x := range c.allocated {
			a.count(x.class, s.at(stack{frames: []jfr.Frame{x.frame}}, nil), weight{x.samples, int64(x.samples) * mib})
		}
		gains := &Gains{Bytes: make(map[string]int64), Total: c.total * mib}
		for class, n := range c.gained {
			gains.Bytes[class] = n * mib
		}
		f := Finding{Kind: Heap, Reason: "not enough samples"}
		a.judge(&f, gains, minGain)
		switch {
		case c.want == "" && (len(f.Causes) > 0 || !strings.Contains(f.Reason, c.reason)):
			t.Errorf("%s: %+v", name, f)
		case c.want != "" && (len(f.Causes) != 1 || f.Reason != "" || !strings.HasPrefix(f.Causes[0].Line.String(), c.want)):
			t.Errorf("%s: %+v", name, f)
		case c.want != "" && c.total == 15 && f.Sentence() != "allocated by com.acme.OrderSync.connect(OrderSync.java:42), 11.0 of 15.0 MiB that the live objects gained (73 %): com.acme."+map[bool]string{true: "Line", false: "Order"}[strings.Contains(name, "lambda")]:
			t.Errorf("%s: %s", name, f.Sentence())
		}
	}
}

// Of the Java objects that own other memory, only those count: what else the heap gains does not.
func TestGainsOfOwners(t *testing.T) {
	gains := &Gains{
		Bytes:     map[string]int64{"java.util.zip.Deflater": 60 << 10, "java.util.zip.Inflater": -64, "[B": 50 << 20},
		Instances: map[string]int64{"java.util.zip.Deflater": 960, "java.util.zip.Inflater": -1, "[B": 9},
		Total:     50 << 20,
	}
	zip, _ := sourceOf(Zip)
	if owners := gains.of(zip.owners, nil); owners.Total != 60<<10-64 || owners.String() != "+960 java.util.zip.Deflater" {
		t.Errorf("%+v, %s", owners, owners)
	}
	// Of Cleaners, buffers and mappings have some: no more than there are Deallocators.
	mapped := &Gains{
		Bytes:     map[string]int64{"java.nio.DirectByteBuffer$Deallocator": 320, "jdk.internal.ref.Cleaner": 4000},
		Instances: map[string]int64{"java.nio.DirectByteBuffer$Deallocator": 10, "jdk.internal.ref.Cleaner": 100},
	}
	direct := sources[DirectBuffers]
	if owners := mapped.of(direct.owners, direct.shared); owners.Bytes["jdk.internal.ref.Cleaner"] != 400 || owners.Total != 720 {
		t.Errorf("%+v", owners)
	}
	for name, c := range map[string]struct {
		samples int
		kept    int64 // KiB of the 40 allocated
		named   bool
	}{"most stays": {10, 30, true}, "most is garbage": {10, 19, false}, "too few samples": {9, 30, false}, "little": {10, 7, false}} {
		counter := objectCounter{source: zip, gains: &Gains{
			Bytes: map[string]int64{"java.util.zip.Deflater": c.kept << 10}, Instances: map[string]int64{"java.util.zip.Deflater": c.kept * 16},
		}}
		counter.allocated.count("java.util.zip.Deflater", counter.sites.at(stack{frames: []jfr.Frame{sync}}, nil), weight{c.samples, 40 << 10})
		f := Finding{Kind: Zip}
		counter.finish(&f)
		if (len(f.Causes) == 1) != c.named || (f.Reason == "") != c.named || len(f.Notes) != 1 || !strings.HasSuffix(f.Notes[0], " java.util.zip.Deflater") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// The kind of a JVM without Native Memory Tracking has what both kinds have that it may be.
func TestNative(t *testing.T) {
	native, ok := sourceOf(Native)
	direct, zip := sources[DirectBuffers], sources[Zip]
	if !ok || len(native.calls) != len(direct.calls)+len(zip.calls) || len(native.frees) != len(direct.frees)+len(zip.frees) || !native.cleaned {
		t.Errorf("%+v", native)
	}
	if settings := Settings(Native, Options{JDK: 25, Trace: true}); settings[3].Value != native.filter() || Samples(settings) {
		t.Errorf("%v", settings)
	}
}
