package sizing

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

func (w *workload) writeJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(w)
}

func (w *workload) writeTable(out io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "POD\tLIMIT\tNEEDS\tMAX HEAP\tCONFIDENCE\t")
	for i := range w.Replicas {
		r := &w.Replicas[i]
		needs, heap, confidence := fleet.Unknown, fleet.Unknown, fleet.Unknown
		if r.Recommended != nil {
			needs, heap, confidence = fleet.Size(float64(r.Recommended.LimitBytes)), fleet.Size(float64(r.Recommended.MaxHeapBytes)), r.Confidence
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Pod, fleet.SizeOf(r.LimitBytes), needs, heap, fleet.Printable(confidence, 10), w.remark(r))
	}
	_ = table.Flush() // a strings.Builder does not fail
	b.WriteString("\n" + w.conclusion() + "\n")
	var trimmed strings.Builder
	for line := range strings.Lines(b.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(out, trimmed.String())
	return err
}

// remark is why a replica has no sizes, or that it is the outlier.
func (w *workload) remark(r *replica) string {
	const most = 100
	switch {
	case r.Problem != nil:
		return "<" + r.Problem.Reason + ">"
	case len(r.Leaks) > 0:
		return fleet.Printable("leaks: "+strings.Join(r.Leaks, "; "), most)
	case r.Recommended == nil && len(r.Missing) > 0:
		return fleet.Printable("missing: "+strings.Join(r.Missing, "; "), most)
	case r.Pod == w.Outlier:
		return "needs far more than the others: kubectl jvmem compare shows in which row"
	}
	return ""
}

func (w *workload) conclusion() string {
	s := w.Recommended
	switch {
	case s == nil && w.leaks():
		return "No recommendation while a replica leaks: fix that first (kubectl jvmem diagnose POD)."
	case s == nil:
		return "No replica has a recommendation yet."
	}
	return fmt.Sprintf("For all replicas (container %s, confidence: %s):\n  limit    %s, of which %s is needed%s",
		w.name(), fleet.Printable(w.Confidence, 10), fleet.Size(float64(s.LimitBytes)), fleet.Size(float64(s.NeededBytes)), w.options("\n  options  "))
}

func (w *workload) name() string { return fleet.Printable(w.Container, 100) }

// options are those of the JVM, or of each of several in the replica with the largest heap.
func (w *workload) options(before string) string {
	if len(w.Recommended.JVMs) == 0 {
		return before + fleet.Printable(strings.Join(w.Recommended.Options, " "), 1000)
	}
	var b strings.Builder
	for _, j := range w.Recommended.JVMs {
		fmt.Fprintf(&b, "%sof pid %d: %s", before, j.PID, fleet.Printable(strings.Join(j.Options, " "), 1000))
	}
	return b.String()
}
