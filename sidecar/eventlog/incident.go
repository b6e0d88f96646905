package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/incidents"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// Incident writes a change of an incident's state. An alert is the line of the verdict, see
// Diagnosis.
func (l *Log) Incident(ctx context.Context, at time.Time, pod *breakdown.Pod, c rows.Identity, change *incidents.Change) error {
	i := &change.Incident
	e := event{
		level: slog.LevelInfo, time: at, message: labelIn(c, pod) + ": incident " + i.Text(),
		dataset: datasetDiagnosis, kind: "event", action: string(change.Action),
		container: c, pod: pod,
	}
	gained := "gained_bytes"
	if i.Counted() {
		gained = "gained"
	}
	attrs := []slog.Attr{
		text("name", string(i.Verdict)), text("subject", i.Subject), text("state", string(i.State)), text("waiting", i.Waiting), text("measure", i.Measure),
		slog.Int64(gained, int64(i.Gained)),
		date("since", &i.Since), date("opened", &i.Opened), date("confirmed", i.Confirmed), date("last_growth", &i.LastGrowth), date("closed", i.Closed),
	}
	return e.write(ctx, l.diagnoses, group("incident", attrs...))
}

// date returns a time as a field, nothing if it is nil.
func date(name string, t *time.Time) slog.Attr {
	if t == nil {
		return slog.Attr{}
	}
	return slog.String(name, t.UTC().Format(time.RFC3339))
}
