package eventlog

import (
	"context"
	"log/slog"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// Autopsy writes how a JVM ended, at level error if it ran out of memory.
func (l *Log) Autopsy(ctx context.Context, pod *breakdown.Pod, a *autopsy.Autopsy) error {
	e := event{
		level: slog.LevelInfo, time: a.Time, message: labelIn(a.Identity(), pod) + ": " + a.Summary,
		dataset: datasetAutopsy, kind: "event", action: string(a.Kind),
		container: a.Identity(), pod: pod,
	}
	if a.Kind.OutOfMemory() {
		e.level, e.kind = slog.LevelError, "alert"
	}
	if a.CouldBeOOMKill {
		e.level, e.kind = slog.LevelWarn, "alert"
	}
	var fields []slog.Attr
	if a.Last != nil {
		fields = numbers(a.Last)
	}
	if a.Diagnosis != nil {
		fields = append(fields, verdict(a.Diagnosis))
	}
	return e.write(ctx, l.autopsies, append(fields, end(a))...)
}

// end returns the fields of an autopsy.
func end(a *autopsy.Autopsy) slog.Attr {
	attrs := []slog.Attr{
		text("kind", string(a.Kind)), text("cause", string(a.Cause)), text("subject", a.Subject), slog.Int("pid", a.PID),
		size("kills", a.OOMKills), list("next", a.Next), fraction("last_age_seconds", a.LastAgeSeconds),
	}
	if a.Exit != nil && a.Exit.Code != nil {
		attrs = append(attrs, slog.Int("exit_code", *a.Exit.Code))
	}
	if a.Exit != nil && a.Exit.Signal != nil {
		attrs = append(attrs, slog.Int("signal", int(*a.Exit.Signal)))
	}
	var grew []slog.Attr
	for _, g := range a.Grew {
		if g.Detail == "" {
			grew = append(grew, slog.Int64(g.Row, g.Bytes))
		}
	}
	return group("oom", append(attrs, group("grew_bytes", grew...))...)
}
