package eventlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// ecsVersion is the version of the Elastic Common Schema that the fields follow.
const ecsVersion = "8.11.0"

// The datasets. That of jvmem's own messages is the service's name and ".log", as the
// ECS logging specification requires.
const (
	datasetBreakdown = "jvmem.breakdown"
	datasetDiagnosis = "jvmem.diagnosis"
	datasetAutopsy   = "jvmem.oom"
	datasetOwn       = "jvmem.log"
)

// Log writes ECS lines. The embedded logger is for jvmem's own messages. Its methods
// may be called concurrently.
type Log struct {
	*slog.Logger
	breakdowns, diagnoses, autopsies slog.Handler
	queue                            *queue // nil: lines are written at once
}

// New returns a log that writes each line to w at once.
func New(w io.Writer, version string) *Log {
	return newLog(version, func(rank) io.Writer { return w })
}

// Start returns a log that queues lines for w, so that a blocked w delays no caller.
// Close it.
func Start(w io.Writer, version string) *Log {
	q := startQueue(w, New(w, version).Logger)
	l := newLog(version, q.writer)
	l.queue = q
	return l
}

func newLog(version string, writer func(rank) io.Writer) *Log {
	handler := func(r rank) slog.Handler {
		return slog.NewJSONHandler(writer(r), &slog.HandlerOptions{ReplaceAttr: ecsNames}).WithAttrs([]slog.Attr{
			slog.String("ecs.version", ecsVersion),
			slog.Group("service", slog.String("name", "jvmem"), slog.String("type", "jvmem"), slog.String("version", version)),
		})
	}
	return &Log{
		Logger:     slog.New(handler(rankOther).WithAttrs(source(datasetOwn))),
		breakdowns: handler(rankBreakdown), diagnoses: handler(rankOther), autopsies: handler(rankAutopsy),
	}
}

// Dropped returns how many lines were dropped because the writer was blocked.
func (l *Log) Dropped() int64 {
	if l.queue == nil {
		return 0
	}
	return l.queue.droppedTotal()
}

// Close writes the queued lines, if that takes no longer than flushTimeout. The error
// is that of the writer.
func (l *Log) Close() error {
	if l.queue == nil {
		return nil
	}
	return l.queue.close()
}

// source is the origin of a line. Elastic Agent replaces event.dataset but not
// log.logger: the ingest pipeline restores the former from the latter.
func source(dataset string, event ...slog.Attr) []slog.Attr {
	return []slog.Attr{
		slog.Group("log", slog.String("logger", dataset)),
		group("event", append([]slog.Attr{slog.String("module", "jvmem"), slog.String("dataset", dataset)}, event...)...),
	}
}

// ecsNames renames slog's own fields to their ECS names. An error becomes an object, as
// in ECS: Elasticsearch rejects a document that has a text where it expects an object.
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

// event returns the fields of every line about a container.
type event struct {
	level                 slog.Level
	time                  time.Time
	message               string
	dataset, kind, action string
	container             rows.Identity
	pod                   *breakdown.Pod
}

// write writes the event with our own fields. The container appears twice because
// Filebeat's autodiscover overwrites container.id with that of the sidecar.
func (e event) write(ctx context.Context, lines slog.Handler, fields ...slog.Attr) error {
	record := slog.NewRecord(e.time, e.level, e.message, 0)
	container := group("container", text("id", e.container.ID), text("name", e.container.Name))
	record.AddAttrs(source(e.dataset, slog.String("kind", e.kind), slog.String("action", e.action))...)
	record.AddAttrs(container)
	if e.pod != nil && *e.pod != (breakdown.Pod{}) {
		record.AddAttrs(pod(e.pod)...)
	}
	record.AddAttrs(group("jvmem", append([]slog.Attr{container}, fields...)...))
	if err := lines.Handle(ctx, record); err != nil {
		return fmt.Errorf("write a log line: %w", err)
	}
	return nil
}

// pod uses the ECS fields that all orchestrators share, and the names that Metricbeat
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
