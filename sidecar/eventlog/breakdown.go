package eventlog

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Breakdown writes one line for each container of the report, with its diagnosis;
// verdict returns nil for a container without one.
func (l *Log) Breakdown(ctx context.Context, r *breakdown.Report, verdict func(*breakdown.Container) *diagnosis.Diagnosis) error {
	for i := range r.Containers {
		c := &r.Containers[i]
		d := verdict(c)
		fields := numbers(c)
		if d != nil {
			fields = append(fields, group("verdict", verdictSummary(d)...))
		}
		err := event{
			level: slog.LevelInfo, time: r.Time, message: message(c, d), dataset: datasetBreakdown, kind: "metric", action: "breakdown",
			container: c.Identity, pod: r.Pod,
		}.write(ctx, l.breakdowns, fields...)
		if err != nil {
			return err
		}
	}
	return nil
}

func numbers(c *breakdown.Container) []slog.Attr {
	var byRow, details []slog.Attr
	for _, row := range c.Memory {
		byRow = append(byRow, size(string(row.Name), row.Bytes))
		var parts []slog.Attr
		for _, d := range row.Detail {
			parts = append(parts, size(d.Name, d.Bytes))
		}
		// Processes have arbitrary names: they must not become fields.
		if row.Name != rows.OtherProcesses {
			details = append(details, group(string(row.Name), parts...))
		}
	}
	byRow = append(byRow, size(string(rows.Unattributed), c.UnattributedBytes))
	attrs := []slog.Attr{
		size("usage_bytes", c.UsageBytes),
		size("working_set_bytes", c.WorkingSetBytes),
		size("rss_bytes", c.RSSBytes),
		size("reclaimable_bytes", c.ReclaimableBytes),
		size("unreclaimable_bytes", rows.Unreclaimable(c.UsageBytes, c.ReclaimableBytes)),
		size("headroom_bytes", c.HeadroomBytes),
		size("limit_bytes", c.LimitBytes),
		size("oom_kills", c.OOMKills),
		slog.Bool("complete", c.Complete()),
		group("row_bytes", byRow...),
		group("detail_bytes", details...),
		group("owners", heldBy(c)...),
	}
	threads := 0
	for i := range c.JVMs {
		threads += c.JVMs[i].Threads.Live
	}
	attrs = append(attrs, slog.Int("threads", threads), slog.Int("jvms", len(c.JVMs)))
	if len(c.JVMs) == 1 {
		j := &c.JVMs[0]
		attrs = append(attrs, group("jvm", slog.Int("pid", j.PID), text("version", j.Version), text("gc", j.GC), text("nmt", j.NMT)))
	}
	return attrs
}

// heldBy says who owns untracked native memory. Libraries and classes have arbitrary names: they
// are values, not fields.
func heldBy(c *breakdown.Container) []slog.Attr {
	if c.Owners == nil {
		return nil
	}
	attrs := []slog.Attr{slog.Time("time", c.Owners.Time.UTC()), text("divided", c.Owners.Divided), text("reason", c.Owners.Reason)}
	if d := c.Divided(); d != nil {
		held := make([]string, len(d.Detail))
		for i, part := range d.Detail {
			held[i] = part.Name + " " + breakdown.Size(part.Bytes)
		}
		attrs = append(attrs, text("held", strings.Join(held, "; ")))
	}
	return attrs
}

// group omits empty attributes, and itself if all are empty.
func group(name string, attrs ...slog.Attr) slog.Attr {
	attrs = slices.DeleteFunc(attrs, func(a slog.Attr) bool { return a.Equal(slog.Attr{}) })
	if len(attrs) == 0 {
		return slog.Attr{}
	}
	return slog.Attr{Key: name, Value: slog.GroupValue(attrs...)}
}

func size(name string, bytes *int64) slog.Attr {
	if bytes == nil {
		return slog.Attr{}
	}
	return slog.Int64(name, *bytes)
}

// fraction rounds to thousandths.
func fraction(name string, value *float64) slog.Attr {
	if value == nil {
		return slog.Attr{}
	}
	return slog.Float64(name, math.Round(*value*1000)/1000)
}

func text(name, value string) slog.Attr {
	if value == "" {
		return slog.Attr{}
	}
	return slog.String(name, value)
}
