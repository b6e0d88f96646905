package owners

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "JVM %d: malloc has %s in use\n", r.PID, amount(r.InUse))
	if r.Since != nil {
		fmt.Fprintf(&b, "growth in %s, since %s: %s\n", r.Time.Sub(*r.Since).Round(time.Second), r.Since.UTC().Format(time.RFC3339), amount(r.Growth))
	}
	b.WriteString("\n")
	named := true
	for i := range r.Owners {
		o := &r.Owners[i]
		named = named && o.Relation != owners.NotNamed
		line(&b, o.Amount, o.Sentence(r.Since != nil))
	}
	if r.Other.Blocks > 0 {
		line(&b, r.Other, "other blocks")
	}
	if !named && len(r.Libraries) > 0 {
		fmt.Fprintf(&b, "\nlibraries that are not the JDK's: %s\n", strings.Join(r.Libraries, ", "))
	}
	if !r.Complete {
		fmt.Fprintf(&b, "\n! not complete: %s\n", r.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func line(b *strings.Builder, a owners.Amount, text string) {
	fmt.Fprintf(b, "%11s  %s\n", breakdown.Size(&a.ResidentBytes), text)
}

func amount(a owners.Amount) string {
	return fmt.Sprintf("%s in %d blocks", breakdown.Size(&a.ResidentBytes), a.Blocks)
}
