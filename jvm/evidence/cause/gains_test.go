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
		"the heap shrank":         {[]allocated{node, bean}, map[string]int64{node.class: 6, bean.class: 6}, -1, "", "gained less than 1.0 MiB"},
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
		a.judge(&f, gains)
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
