package diagnosis

import (
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestNotCalm: where nothing is found, the sentence begins with what could not be judged, and
// with what is suspected.
func TestNotCalm(t *testing.T) {
	suspicion := []Incident{{Verdict: rows.VerdictDirectBuffers, State: Suspected, Waiting: "a collection"}}
	known := []string{history.OldUsed, history.OldCollections, history.Classes}
	for _, c := range []struct {
		known     []string
		incidents []Incident
		want      string
	}{
		{known, nil, "no sustained growth"},
		{known, suspicion, "suspected, not collected yet: direct buffer leak (direct ByteBuffers or Unsafe memory), waiting for a collection; no other sustained growth"},
		{nil, nil, "not judged: Java heap (old generation unknown), class loaders (number of classes unknown); no sustained growth"},
	} {
		j := &judge{c: &history.Container{JVMs: make([]breakdown.JVM, 1)}, last: make(map[string]float64)}
		for _, name := range c.known {
			j.last[name] = 1
		}
		d := Diagnosis{Verdict: rows.VerdictNone, Incidents: c.incidents, NotJudged: j.notJudged(c.incidents)}
		if got := j.summary(&d); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}
