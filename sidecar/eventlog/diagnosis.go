package eventlog

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// Diagnosis writes that the verdict on a container appeared, changed or cleared, or that its cause
// is known now, which is no alert of its own.
func (l *Log) Diagnosis(ctx context.Context, at time.Time, pod *breakdown.Pod, d *diagnosis.Diagnosis, change diagnosis.Change) error {
	summary := d.Summary
	if change == diagnosis.Cleared {
		summary = "verdict cleared: " + summary
	}
	e := event{
		level: slog.LevelInfo, time: at, message: labelIn(d.Identity, pod) + ": " + summary,
		dataset: datasetDiagnosis, kind: "event", action: string(change),
		container: d.Identity, pod: pod,
	}
	if d.Verdict.Alert() {
		e.level = slog.LevelWarn
		if change != diagnosis.CauseNamed {
			e.kind = "alert"
		}
	}
	return e.write(ctx, l.diagnoses, verdict(d))
}

// verdict returns a verdict as fields, with its evidence.
func verdict(d *diagnosis.Diagnosis) slog.Attr {
	attrs := verdictSummary(d)
	if len(d.Findings) > 0 {
		f := &d.Findings[0]
		attrs = append(attrs, fraction("share", f.Share))
		if f.Rate != nil {
			attrs = append(attrs, slog.Int64("bytes_per_hour", f.Rate.BytesPerHour))
		}
		attrs = append(attrs, list("evidence", f.Evidence), list("next", f.Next))
		if f.Gathered != nil {
			attrs = append(attrs, list("gathered", f.Gathered.Text))
		}
	}
	return group("verdict", attrs...)
}

// verdictSummary returns the fields of a verdict that breakdowns have too.
func verdictSummary(d *diagnosis.Diagnosis) []slog.Attr {
	attrs := []slog.Attr{text("name", string(d.Verdict)), text("subject", d.Subject), fraction("confidence", d.Confidence)}
	if d.Growth != nil {
		attrs = append(attrs, slog.Int64("growth_bytes_per_hour", d.Growth.BytesPerHour))
	}
	if d.Forecast != nil {
		attrs = append(attrs, slog.String("reached", d.Forecast.Reached), slog.Int64("seconds_to_limit", int64(d.Forecast.Seconds)))
	}
	return attrs
}

// list joins lines to one text: Kibana cannot chart lists.
func list(name string, lines []string) slog.Attr { return text(name, strings.Join(lines, "; ")) }
