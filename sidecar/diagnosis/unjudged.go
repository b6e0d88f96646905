package diagnosis

import (
	"strings"

	"github.com/jvmem/jvmem/sidecar/history"
)

// notJudged names what could not be judged, and why. It is not known to be calm.
func (j *judge) notJudged() (all []string) {
	if len(j.c.JVMs) == 0 {
		return nil
	}
	_, old := j.now(history.OldUsed)
	_, collections := j.now(history.OldCollections)
	_, classes := j.now(history.Classes)
	switch {
	case !old:
		all = append(all, "Java heap (old generation unknown)")
	case !collections:
		all = append(all, "Java heap (number of its collections unknown)")
	default:
		if gain, ok := j.uncollected(); ok {
			all = append(all, "Java heap (its old generation has gained "+bytesText(gain)+" and was not collected since)")
		}
	}
	if !classes {
		all = append(all, "class loaders (number of classes unknown)")
	}
	if len(j.c.Missing) > 0 {
		all = append(all, "rows that are unknown ("+strings.Join(j.c.Missing, ", ")+")")
	}
	return all
}

const notJudgedText = "not judged: "

// uncollected returns what the old generation gained, if that could be a leak and no
// collection has shown yet what of it survives.
func (j *judge) uncollected() (gain float64, ok bool) {
	limit, known := j.maxOld()
	now, ok := j.now(history.OldUsed)
	if !known || !ok || len(j.collectionTimes(window{j.started, j.at})) > 0 {
		return 0, false
	}
	gain = now - j.valueAt(history.OldUsed, j.started)
	return gain, gain >= minHeapGain*limit && now >= minHeapShare*limit
}

// calmText is the summary where nothing was found: first what could not be judged, then what
// is suspected.
func (d *Diagnosis) calmText() string {
	var parts []string
	if len(d.NotJudged) > 0 {
		parts = append(parts, notJudgedText+strings.Join(d.NotJudged, ", "))
	}
	nothing := phrases[d.Verdict]
	if suspected := d.suspected(); suspected != "" {
		parts, nothing = append(parts, suspected), "no other sustained growth"
	}
	if d.Growth != nil {
		nothing = "memory grows, no cause identified yet"
	}
	return strings.Join(append(parts, nothing), "; ")
}

// suspected names the first suspicion that is not confirmed; "" if there is none.
func (d *Diagnosis) suspected() string {
	for k := range d.Incidents {
		i := &d.Incidents[k]
		if i.State != Suspected {
			continue
		}
		text, why := phrases[i.Verdict], "not confirmed"
		if i.Subject != "" {
			text += " (" + i.Subject + ")"
		}
		if i.Waiting != "" {
			text, why = text+", waiting for "+i.Waiting, "not collected yet"
		}
		return "suspected, " + why + ": " + text
	}
	return ""
}
