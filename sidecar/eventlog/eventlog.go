package eventlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// ecsVersion is the version of the Elastic Common Schema that the fields follow.
const ecsVersion = "8.11.0"

// ownDataset is that of jvmem's own messages: the service's name and ".log", as the
// specification of ECS logging says.
const ownDataset = "jvmem.log"

// Datasets that a Queue knows.
const (
	datasetBreakdown = "jvmem.breakdown"
	datasetAutopsy   = "jvmem.oom"
)

// New returns a logger that writes ECS lines to w. Use it for jvmem's own
// messages too: it may be called concurrently.
func New(w io.Writer, version string) *slog.Logger {
	lines := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: ecsNames}).WithAttrs([]slog.Attr{
		slog.String("ecs.version", ecsVersion),
		slog.Group("service", slog.String("name", "jvmem"), slog.String("type", "jvmem"), slog.String("version", version)),
	})
	return slog.New(handler{own: lines.WithAttrs(source(ownDataset)), lines: lines})
}

// handler adds to jvmem's own messages where they come from.
type handler struct{ own, lines slog.Handler }

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.own.Enabled(ctx, l) }

func (h handler) Handle(ctx context.Context, r slog.Record) error { return h.own.Handle(ctx, r) }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.own.WithAttrs(attrs), h.lines.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.own.WithGroup(name), h.lines.WithGroup(name)}
}

// source tells where a line belongs. Elastic Agent replaces event.dataset, nobody
// log.logger: the ingest pipeline sets the one by the other.
func source(dataset string, event ...slog.Attr) []slog.Attr {
	return []slog.Attr{
		slog.Group("log", slog.String("logger", dataset)),
		group("event", append([]slog.Attr{slog.String("module", "jvmem"), slog.String("dataset", dataset)}, event...)...),
	}
}

// ecsNames gives slog's own fields their ECS names, and an error too: it is an
// object in ECS, and a document with a text for an object is refused.
func ecsNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if a.Value.Kind() != slog.KindTime { // a caller's own
			return slog.Attr{}
		}
		return slog.String("@timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.LevelKey:
		return slog.String("log.level", strings.ToLower(a.Value.String()))
	case slog.MessageKey:
		a.Key = "message"
	case "error":
		return slog.Group("error", slog.String("message", a.Value.String()))
	}
	return a
}

// Breakdown writes one line for each container of the report, with what is
// concluded of it; verdict returns nil where nothing is.
func Breakdown(ctx context.Context, log *slog.Logger, r *breakdown.Report, verdict func(*breakdown.Container) *diagnosis.Diagnosis) error {
	for i := range r.Containers {
		c := &r.Containers[i]
		d := verdict(c)
		fields := numbers(c)
		if d != nil {
			fields = append(fields, group("verdict", conclusion(d)...))
		}
		err := event{
			level: slog.LevelInfo, time: r.Time, message: message(c, d), dataset: datasetBreakdown, kind: "metric", action: "breakdown",
			containerID: c.ID, containerName: c.Name, pod: r.Pod,
		}.write(ctx, log, fields...)
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

// write writes the line with our own fields. The container is there twice: what
// Filebeat finds out of the sidecar itself it writes over container.id.
func (e event) write(ctx context.Context, log *slog.Logger, fields ...slog.Attr) error {
	record := slog.NewRecord(e.time, e.level, e.message, 0)
	container := group("container", text("id", e.containerID), text("name", e.containerName))
	record.AddAttrs(source(e.dataset, slog.String("kind", e.kind), slog.String("action", e.action))...)
	record.AddAttrs(container)
	if e.pod != nil && *e.pod != (breakdown.Pod{}) {
		record.AddAttrs(pod(e.pod)...)
	}
	record.AddAttrs(group("jvmem", append([]slog.Attr{container}, fields...)...))
	lines := log.Handler()
	if h, ok := lines.(handler); ok {
		lines = h.lines
	}
	if err := lines.Handle(ctx, record); err != nil {
		return fmt.Errorf("write a log line: %w", err)
	}
	return nil
}

// pod follows ECS for what orchestrators share, and the names that Metricbeat
// and Filebeat use for Kubernetes.
func pod(p *breakdown.Pod) []slog.Attr {
	return []slog.Attr{
		group("orchestrator", slog.String("type", "kubernetes"), text("namespace", p.Namespace),
			group("resource", slog.String("type", "pod"), text("name", p.Name), text("id", p.UID))),
		group("kubernetes", text("namespace", p.Namespace),
			group("pod", text("name", p.Name), text("uid", p.UID)),
			group("node", text("name", p.Node))),
	}
}

// unreclaimable is what counts when the limit is near.
func unreclaimable(c *breakdown.Container) *int64 {
	if c.UsageBytes == nil || c.ReclaimableBytes == nil {
		return nil
	}
	return new(max(0, *c.UsageBytes-*c.ReclaimableBytes))
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
		size("unreclaimable_bytes", unreclaimable(c)),
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

// fraction leaves out what is below a thousandth.
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
