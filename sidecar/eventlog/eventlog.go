package eventlog

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// ecsVersion is the version of the Elastic Common Schema that the fields follow.
const ecsVersion = "8.11.0"

// New returns a logger that writes ECS lines to w. Use it for jvmem's own
// messages too: it may be called concurrently.
func New(w io.Writer, version string) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: ecsNames})
	return slog.New(handler).With(
		slog.String("ecs.version", ecsVersion),
		slog.Group("service", slog.String("name", "jvmem"), slog.String("type", "jvmem"), slog.String("version", version)),
	)
}

// ecsNames gives slog's own fields their ECS names.
func ecsNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if a.Value.Kind() != slog.KindTime { // a caller's own
			return a
		}
		return slog.String("@timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.LevelKey:
		return slog.String("log.level", strings.ToLower(a.Value.String()))
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// Breakdown writes one line for each container of the report.
func Breakdown(ctx context.Context, log *slog.Logger, r *breakdown.Report) error {
	for i := range r.Containers {
		c := &r.Containers[i]
		err := event{
			level: slog.LevelInfo, time: r.Time, message: message(c), dataset: "jvmem.breakdown", kind: "metric", action: "breakdown",
			containerID: c.ID, containerName: c.Name, pod: r.Pod,
		}.write(ctx, log, numbers(c)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// event is what every line has.
type event struct {
	level                 slog.Level
	time                  time.Time
	message               string
	dataset, kind, action string
	containerID           string
	containerName         string
	pod                   *breakdown.Pod
}

// write writes the line with our own fields.
func (e event) write(ctx context.Context, log *slog.Logger, fields ...slog.Attr) error {
	record := slog.NewRecord(e.time, e.level, e.message, 0)
	record.AddAttrs(
		slog.Group("event", slog.String("dataset", e.dataset), slog.String("kind", e.kind), slog.String("action", e.action)),
		group("container", text("id", e.containerID), text("name", e.containerName)),
	)
	if e.pod != nil && *e.pod != (breakdown.Pod{}) {
		record.AddAttrs(pod(e.pod)...)
	}
	record.AddAttrs(group("jvmem", fields...))
	if err := log.Handler().Handle(ctx, record); err != nil {
		return fmt.Errorf("write a log line: %w", err)
	}
	return nil
}

// message is the line for people.
func message(c *breakdown.Container) string {
	var b strings.Builder
	b.WriteString(cmp.Or(c.Name, shortID(c.ID), "the container"))
	b.WriteString(" uses " + breakdown.Size(c.UsageBytes))
	if c.LimitBytes != nil {
		b.WriteString(" of " + breakdown.Size(c.LimitBytes))
		if c.UsageBytes != nil && *c.LimitBytes > 0 {
			fmt.Fprintf(&b, " (%.1f %%)", 100*float64(*c.UsageBytes)/float64(*c.LimitBytes))
		}
	}
	rows := slices.DeleteFunc(slices.Clone(c.Memory), func(row breakdown.Row) bool { return row.Bytes == nil })
	slices.SortStableFunc(rows, func(a, b breakdown.Row) int { return cmp.Compare(*b.Bytes, *a.Bytes) })
	for i, row := range rows[:min(len(rows), 3)] {
		b.WriteString([]string{": ", ", ", ", "}[i] + string(row.Name) + " " + breakdown.Size(row.Bytes))
	}
	if c.ReclaimableBytes != nil {
		b.WriteString("; " + breakdown.Size(c.ReclaimableBytes) + " reclaimable")
	}
	if !c.Complete() {
		b.WriteString("; not all rows are known")
	}
	return b.String()
}

func shortID(id string) string { return id[:min(len(id), 12)] }

// pod follows ECS for what orchestrators share, and the names that Metricbeat
// and Filebeat use for Kubernetes.
func pod(p *breakdown.Pod) []slog.Attr {
	return []slog.Attr{
		group("orchestrator", slog.String("type", "kubernetes"), text("namespace", p.Namespace),
			group("resource", slog.String("type", "pod"), text("name", p.Name))),
		group("kubernetes", text("namespace", p.Namespace),
			group("pod", text("name", p.Name), text("uid", p.UID)),
			group("node", text("name", p.Node))),
	}
}

func numbers(c *breakdown.Container) []slog.Attr {
	var rows, details []slog.Attr
	for _, row := range c.Memory {
		rows = append(rows, size(string(row.Name), row.Bytes))
		var parts []slog.Attr
		for _, d := range row.Detail {
			parts = append(parts, size(d.Name, d.Bytes))
		}
		// The names of other processes are anybody's: no fields of their own.
		if row.Name != breakdown.OtherProcesses {
			details = append(details, group(string(row.Name), parts...))
		}
	}
	rows = append(rows, size("unattributed", c.UnattributedBytes))
	attrs := []slog.Attr{
		size("usage_bytes", c.UsageBytes),
		size("working_set_bytes", c.WorkingSetBytes),
		size("rss_bytes", c.RSSBytes),
		size("reclaimable_bytes", c.ReclaimableBytes),
		size("headroom_bytes", c.HeadroomBytes),
		size("limit_bytes", c.LimitBytes),
		size("oom_kills", c.OOMKills),
		slog.Bool("complete", c.Complete()),
		group("row_bytes", rows...),
		group("detail_bytes", details...),
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

// group leaves out attributes that say nothing, and itself if none is left.
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

func text(name, value string) slog.Attr {
	if value == "" {
		return slog.Attr{}
	}
	return slog.String(name, value)
}
