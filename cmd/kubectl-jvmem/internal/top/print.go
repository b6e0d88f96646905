package top

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// column is a column of the table.
type column struct {
	title string
	text  func(*Container) string
}

// columns returns those of the table; verdict is the one that has the reason for a pod
// that was not asked.
func columns(namespaces, wide bool) (all []column, verdict int) {
	all = []column{
		{"POD", func(c *Container) string { return c.Name }},
		{"CONTAINER", func(c *Container) string { return c.Container }},
		{"LIMIT", limit},
		{"UNRECLAIMABLE", func(c *Container) string { return fleet.SizeOf(c.UnreclaimableBytes) }},
		{"SHARE", share},
		{"GROWS MOST", growing},
		{"PER HOUR", perHour},
		{"VERDICT", verdictText},
		{"TO LIMIT", toLimit},
		{"OOM KILLS", kills},
		{"AGE", func(c *Container) string { return fleet.Seconds(c.SampleAgeSeconds) }},
	}
	if namespaces {
		all = slices.Insert(all, 0, column{"NAMESPACE", func(c *Container) string { return c.Namespace }})
	}
	verdict = slices.IndexFunc(all, func(c column) bool { return c.title == "VERDICT" })
	if wide {
		all = append(all,
			column{"NODE", func(c *Container) string { return orUnknown(c.Node) }},
			column{"JVM", func(c *Container) string {
				return c.jvms(func(j *JVM) string { return strings.TrimSpace(j.Version + " " + j.GC) })
			}},
			column{"UPTIME", func(c *Container) string {
				return c.jvms(func(j *JVM) string { return fleet.Seconds(j.UptimeSeconds) })
			}},
			column{"SUMMARY", func(c *Container) string { return orUnknown(c.Summary) }},
		)
	}
	return all, verdict
}

func orUnknown(text string) string {
	if text == "" {
		return fleet.Unknown
	}
	return text
}

func limit(c *Container) string {
	if c.LimitBytes == nil && c.Limited != nil && !*c.Limited {
		return "none"
	}
	return fleet.SizeOf(c.LimitBytes)
}

func share(c *Container) string {
	if c.Share == nil {
		return fleet.Unknown
	}
	return fmt.Sprintf("%.0f%%", 100**c.Share)
}

// growing says "none" only if everything was judged.
func growing(c *Container) string {
	switch {
	case c.Growth != nil:
		return c.Growth.Row
	case c.Judged:
		return "none"
	}
	return fleet.Unknown
}

func perHour(c *Container) string {
	if c.Growth == nil {
		return fleet.Unknown
	}
	return "+" + fleet.Size(float64(c.Growth.BytesPerHour)) // only growth has a rate
}

// verdictText is the verdict with the state of the incident that counts most.
func verdictText(c *Container) string {
	if c.Verdict == nil {
		return fleet.Unknown
	}
	if c.Incident == nil {
		return *c.Verdict
	}
	incident := fmt.Sprintf("%s (%s)", c.Incident.Verdict, c.Incident.State)
	switch *c.Verdict {
	case c.Incident.Verdict, "none", fleet.NotEnoughHistory:
		return incident
	}
	return *c.Verdict + ", " + incident
}

func toLimit(c *Container) string {
	text := fleet.Seconds(c.SecondsToLimit)
	switch c.Reached {
	case "heap_limit":
		text += " (heap)"
	case "direct_limit":
		text += " (direct memory)"
	}
	return text
}

func kills(c *Container) string {
	if c.OOMKills == nil {
		return fleet.Unknown
	}
	return fmt.Sprint(*c.OOMKills)
}

func (c *Container) jvms(text func(*JVM) string) string {
	var all []string
	for i := range c.JVMs {
		all = append(all, text(&c.JVMs[i]))
	}
	return orUnknown(strings.Join(all, ","))
}

// WriteTable writes the list as kubectl writes tables.
func (l *List) WriteTable(w io.Writer, namespaces, wide bool) error {
	all, verdict := columns(namespaces, wide)
	out := printers.GetNewTabWriter(w)
	line := func(text func(i int) string) {
		cells := make([]string, len(all))
		for i := range all {
			cells[i] = text(i)
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	line(func(i int) string { return all[i].title })
	for k := range l.Containers {
		line(func(i int) string { return all[i].text(&l.Containers[k]) })
	}
	for k := range l.NotAsked {
		n := &l.NotAsked[k]
		unknown := &Container{Pod: n.Pod, Container: fleet.Unknown}
		line(func(i int) string {
			if i == verdict {
				return "<" + n.Reason + ">"
			}
			return all[i].text(unknown)
		})
	}
	return out.Flush()
}

// WriteJSON writes the list in the form of Schema.
func (l *List) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(l)
}

// maxNames is how many pods a note names.
const maxNames = 5

// WriteNotes says why pods were not asked, and which have no sidecar.
func (l *List) WriteNotes(w io.Writer) {
	for k := 0; k < len(l.NotAsked); {
		first, n := &l.NotAsked[k], k
		var pods []Pod
		for ; n < len(l.NotAsked) && l.NotAsked[n].Reason == first.Reason; n++ {
			pods = append(pods, l.NotAsked[n].Pod)
		}
		fmt.Fprintf(w, "%s could not be asked (%s): %s\n", fleet.Pods(len(pods)), first.Reason, names(pods))
		for _, text := range []string{first.Detail, first.Fix} {
			if text != "" {
				fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
			}
		}
		k = n
	}
	if len(l.WithoutSidecar) > 0 {
		fmt.Fprintf(w, "%s without a container jvmem: %s\n", fleet.Pods(len(l.WithoutSidecar)), names(l.WithoutSidecar))
	}
	var unjudged []Pod
	blind := make(map[string][]Pod) // by the sentence that says why
	for i := range l.Containers {
		c := &l.Containers[i]
		if c.NoVerdict != nil {
			unjudged = append(unjudged, c.Pod)
		}
		if c.Verdict != nil && *c.Verdict == fleet.NotObservable {
			blind[c.Summary] = append(blind[c.Summary], c.Pod)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(blind)) {
		fmt.Fprintf(w, "%s not observable: %s\n  %s\n", fleet.Pods(len(blind[why])), names(blind[why]), why)
	}
	if len(unjudged) > 0 {
		fmt.Fprintf(w, "%s without a verdict, as /diagnosis failed: %s\n", fleet.Pods(len(unjudged)), names(unjudged))
	}
}

func names(pods []Pod) string {
	var all []string
	for _, p := range pods[:min(len(pods), maxNames)] {
		all = append(all, p.Namespace+"/"+p.Name)
	}
	if more := len(pods) - maxNames; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}
