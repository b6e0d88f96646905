package byhand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
	"github.com/jvmem/jvmem/sidecar/sample"
)

// The interventions, as the user names them.
const (
	Trim = "trim"
	GC   = "gc"
)

const (
	// shownBytes is the smallest change of a row that is shown.
	shownBytes = 64 << 10
	// provedShare is the least part of a row that has to fall to prove something: less is
	// what moves anyway.
	provedShare = 0.1
)

// intervention is one command with an effect, and what it can prove.
type intervention struct {
	command attach.Intervention
	cost    string
	prove   func(before, after *breakdown.Container) []string
}

func interventionOf(name string) (intervention, error) {
	switch name {
	case Trim:
		return intervention{attach.TrimNativeHeap, "System.trim_native_heap makes malloc return free memory to the kernel. It locks each arena for some milliseconds", provedByTrim}, nil
	case GC:
		return intervention{attach.RunGC, "GC.run runs a full collection. Most collectors stop the JVM for it, some seconds with a large heap, and Serial and Parallel may make more memory of the heap resident", provedByGC}, nil
	}
	return intervention{}, fmt.Errorf("%q: must be %s or %s", name, Trim, GC)
}

// Try sends a command that acts on a JVM, and writes which rows changed and what that proves.
func Try(ctx context.Context, o sample.Options, name string, consent bool, w io.Writer) error {
	what, err := interventionOf(name)
	if err != nil {
		return err
	}
	if !consent {
		return fmt.Errorf("%s\n  fix: if that is acceptable, add --yes", what.cost)
	}
	t, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer t.close()
	var reply string
	err = t.use(ctx, func(p *jvm.Process) error {
		session, err := p.Session()
		if err != nil {
			return err
		}
		reply, err = session.Send(ctx, what.command)
		return err
	})
	if err != nil {
		return err
	}
	if strings.Contains(reply, "disabled") { // -XX:+DisableExplicitGC, with code 0
		return errors.New("the JVM did nothing: " + jvm.Printable(strings.TrimSpace(reply), 200))
	}
	after, err := t.again(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	writeChanges(&b, &t.before, after)
	for _, line := range what.prove(&t.before, after) {
		b.WriteString("\n" + line + "\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// writeChanges writes usage, and the rows and details that changed.
func writeChanges(w io.Writer, before, after *breakdown.Container) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, was, is *int64, always bool) {
		change := minus(is, was)
		if change == nil || !always && max(*change, -*change) < shownBytes {
			return
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", name, breakdown.Size(was), breakdown.Size(is), breakdown.SignedSize(*change))
	}
	fmt.Fprintln(table, "ROW\tBEFORE\tAFTER\tCHANGE\t")
	line("usage", before.UsageBytes, after.UsageBytes, true)
	for i := range after.Memory {
		is := &after.Memory[i]
		was := before.Row(is.Name)
		if was == nil {
			continue
		}
		line(string(is.Name), was.Bytes, is.Bytes, false)
		line(string(is.Name)+" used", was.UsedBytes, is.UsedBytes, false)
		for _, d := range is.Detail {
			line(string(is.Name)+" "+d.Name, detail(was, d.Name), d.Bytes, false)
		}
	}
	_ = table.Flush() // a strings.Builder does not fail
}

func provedByTrim(before, after *breakdown.Container) []string {
	was, is := before.Row(rows.Native), after.Row(rows.Native)
	const inUse = "is in use, or between blocks that are in use. If it grows, its owner does not free it."
	switch fell := minus(was.Bytes, is.Bytes); {
	case fell == nil:
		return []string{"Nothing is proved: the native memory is not known both times."}
	case float64(*fell) > provedShare*float64(*was.Bytes):
		return []string{fmt.Sprintf("%s of the native memory was free and retained by malloc: that part is no leak, and it returns. MALLOC_ARENA_MAX=2 in the environment of the JVM keeps it smaller; JDK 17.0.9, 21 and newer trim by themselves with -XX:+UnlockExperimentalVMOptions -XX:TrimNativeHeapInterval=60000.", breakdown.Size(fell))}
	case *fell >= shownBytes:
		return []string{fmt.Sprintf("Only %s of the native memory was free and retained by malloc. The rest %s", breakdown.Size(fell), inUse)}
	}
	return []string{"The native memory did not fall: it " + inUse}
}

func provedByGC(before, after *breakdown.Container) []string {
	var lines []string
	heap, now := before.Row(rows.Heap), after.Row(rows.Heap)
	switch fell := minus(heap.UsedBytes, now.UsedBytes); {
	case fell == nil:
		lines = append(lines, "The use of the heap is not known both times.")
	case float64(*fell) > provedShare*float64(*heap.UsedBytes):
		lines = append(lines, fmt.Sprintf("%s of the heap was garbage, %s survived. Only what survives can be a leak: repeat this some minutes apart and compare.", breakdown.Size(fell), breakdown.Size(now.UsedBytes)))
	default:
		lines = append(lines, fmt.Sprintf("%s of the heap is live: a full collection freed little.", breakdown.Size(now.UsedBytes)))
	}
	native, isNative := before.Row(rows.Native), after.Row(rows.Native)
	if fell := minus(detail(native, rows.DirectBuffers), detail(isNative, rows.DirectBuffers)); fell != nil && *fell > shownBytes {
		lines = append(lines, fmt.Sprintf("%s of direct buffers belonged to ByteBuffers that nothing referred to: no leak, but collections are too rare for them. -XX:MaxDirectMemorySize makes the JVM collect earlier.", breakdown.Size(fell)))
	}
	if fell := minus(before.Row(rows.Metaspace).UsedBytes, after.Row(rows.Metaspace).UsedBytes); fell != nil && *fell > shownBytes {
		lines = append(lines, fmt.Sprintf("%s of metaspace belonged to class loaders that nothing referred to.", breakdown.Size(fell)))
	}
	return lines
}

// detail returns the bytes of a detail; nil: unknown.
func detail(row *breakdown.Row, name string) *int64 {
	for i := range row.Detail {
		if row.Detail[i].Name == name {
			return row.Detail[i].Bytes
		}
	}
	return nil
}

// minus returns a - b; nil if one of them is unknown.
func minus(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(*a - *b)
}
