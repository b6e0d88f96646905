package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// ownersSchema is the version of the JSON form of ownersDocument.
const ownersSchema = "jvmem.container_owners/v1"

// ownersDocument has the owners of native memory, as far as they were looked for: while a
// leak of it is suspected or confirmed.
type ownersDocument struct {
	Schema     string            `json:"schema"`
	Time       time.Time         `json:"time"`
	Pod        *breakdown.Pod    `json:"pod,omitempty"`
	Containers []containerOwners `json:"containers"`
}

// containerOwners are those of a container. JVMs has the last look at each one; Reason says why
// there is none.
type containerOwners struct {
	rows.Identity
	JVMs   []*owners.Report `json:"jvms"`
	Reason string           `json:"reason,omitempty"`
}

func ownersOf(d *diagnosis.Diagnosis) containerOwners {
	c := containerOwners{Identity: d.Identity, JVMs: append([]*owners.Report{}, d.OwnersOf()...)}
	switch {
	case len(c.JVMs) > 0:
	case d.Verdict == rows.VerdictNotEnoughHistory || d.Verdict == rows.VerdictNotObservable:
		c.Reason = "whether native memory leaks is not known: " + d.Summary
	default:
		c.Reason = "no leak of native memory is suspected"
	}
	return c
}

func (s *State) owners(w http.ResponseWriter, r *http.Request) {
	verdicts := s.latestDiagnosis()
	if verdicts == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	d := ownersDocument{Schema: ownersSchema, Time: verdicts.Time.UTC(), Pod: verdicts.Pod, Containers: []containerOwners{}}
	for i := range verdicts.Containers {
		d.Containers = append(d.Containers, ownersOf(&verdicts.Containers[i]))
	}
	show(w, r, &d)
}

// WriteJSON writes the document in the form of ownersSchema.
func (d *ownersDocument) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

// WriteText writes the document for a terminal.
func (d *ownersDocument) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, c := range d.Containers {
		fmt.Fprintf(&b, "container %s:\n", cmp.Or(c.Label(), "unknown"))
		if c.Reason != "" {
			fmt.Fprintf(&b, "%s; `jvmem owners` looks at once\n", c.Reason)
		}
		for _, r := range c.JVMs {
			b.WriteString(r.Text())
		}
	}
	if len(d.Containers) == 0 {
		b.WriteString("no JVM found\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// nativeOwned exposes who owns untracked native memory, by library. There are at most as many
// as details.
func (e *exposition) nativeOwned(label string, c *breakdown.Container) {
	d := c.Divided()
	if d == nil {
		return
	}
	bytes := map[string]int64{otherLibraries: 0}
	for _, part := range d.Detail {
		bytes[cmp.Or(part.Library, otherLibraries)] += *part.Bytes
	}
	for library, n := range bytes {
		e.put(nativeOwned, float64(n), label, library)
	}
	e.put(nativeOwnersTime, float64(c.Owners.Time.Unix()), label)
}

const (
	// maxLibraries is how many libraries have a series of their own.
	maxLibraries = 8
	// otherLibraries is what belongs to other libraries, or to none, or is not named.
	otherLibraries = "other"
)

// nativeGrowth exposes the growth of native memory that a look at it found, by library.
func (e *exposition) nativeGrowth(label string, d *diagnosis.Diagnosis) {
	bytes := make(map[string]int64)
	for _, r := range d.OwnersOf() {
		if r.Since == nil {
			continue
		}
		bytes[otherLibraries] += r.Growth.ResidentBytes
		for i := range r.Owners {
			if o := &r.Owners[i]; o.Library != "" && o.Library != otherLibraries {
				bytes[o.Library] += o.ResidentBytes
				bytes[otherLibraries] -= o.ResidentBytes
			}
		}
	}
	var libraries []string
	for library := range bytes {
		if library != otherLibraries {
			libraries = append(libraries, library)
		}
	}
	slices.SortFunc(libraries, func(a, b string) int { return cmp.Or(cmp.Compare(bytes[b], bytes[a]), cmp.Compare(a, b)) })
	for i, library := range libraries {
		if i < maxLibraries {
			e.put(nativeGrowth, float64(bytes[library]), label, library)
		} else {
			bytes[otherLibraries] += bytes[library]
		}
	}
	if other, looked := bytes[otherLibraries]; looked {
		e.put(nativeGrowth, float64(other), label, otherLibraries)
	}
}
