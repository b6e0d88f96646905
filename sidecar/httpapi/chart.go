package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/httpapi/chart"
)

// chartSteps is the number of steps of a chart: more could not be distinguished.
const chartSteps = 320

// chart draws the history of a container: of the one that the query names (name, ID or
// cgroup), else of the one that was sampled last.
func (s *State) chart(w http.ResponseWriter, r *http.Request) {
	query, now := r.URL.Query(), time.Now()
	text := query.Get("since")
	if text == "" {
		text = "1h"
	}
	since, err := parseSince(text, now)
	if err == nil && !since.Before(now) {
		err = fmt.Errorf("since %s must be before now", text)
	}
	if err != nil {
		writeText(w, http.StatusBadRequest, err.Error()+": use since=1h or since=2006-01-02T15:04:05Z\n")
		return
	}
	picture := chart.Picture{Title: "Memory of a JVM container: no samples in this time", From: since, To: now}
	document := s.History.Document(since, max(now.Sub(since)/chartSteps, 100*time.Millisecond))
	wanted := query.Get("container")
	switch c := chosen(document.Containers, wanted); {
	case c != nil:
		picture.Title, picture.Track, picture.Verdict = s.title(c), c.Tracks[0], s.summary(c)
		picture.Forecast = s.forecast(c)
		if first := time.UnixMilli(c.Tracks[0].Times[0]); first.Sub(since) > now.Sub(since)/20 {
			picture.From = first // no empty space before the first sample
		}
	case wanted != "":
		writeText(w, http.StatusNotFound, fmt.Sprintf("no samples of container %q in this time: /history lists the containers\n", wanted))
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-store")
	_ = chart.Write(w, picture) // the client is gone
}

// chosen returns the container with that name, ID or cgroup; "": the one that was
// sampled last. Of several it returns the one that was sampled last; nil: none.
func chosen(containers []*history.Container, wanted string) *history.Container {
	for _, c := range slices.Backward(containers) {
		if wanted == "" || c.Name == wanted || c.ID == wanted || c.Cgroup == wanted {
			return c
		}
	}
	return nil
}

func (s *State) title(c *history.Container) string {
	title := "Memory of container " + c.Label()
	if report, _ := s.latestReport(); report != nil && report.Pod != nil && report.Pod.Name != "" {
		title += " in pod " + report.Pod.Name
	}
	limit := c.Tracks[0].Series[history.Limit]
	if last := limit.At(len(c.Tracks[0].Times) - 1).Last; last != history.Unknown {
		title += ", limit " + breakdown.Size(&last)
	}
	return title
}

// forecast is that of a leak that is the verdict and grows, as the page has it; nil: there
// is none.
func (s *State) forecast(c *history.Container) *chart.Forecast {
	verdicts := s.latestDiagnosis()
	d := diagnosisOf(c.Identity, verdicts)
	if d == nil || d.Growth == nil || d.Forecast == nil || !slices.ContainsFunc(d.Incidents, func(i diagnosis.Incident) bool {
		return i.Verdict == d.Verdict && i.State == diagnosis.Confirmed
	}) {
		return nil
	}
	at := func(seconds float64) time.Time { return verdicts.Time.Add(duration(seconds)) }
	f := d.Forecast
	return &chart.Forecast{
		Full: map[string]string{diagnosis.HeapLimit: "heap full", diagnosis.DirectLimit: "direct memory full"}[f.Reached], At: at(f.Seconds), Low: at(f.LowSeconds), High: at(f.HighSeconds),
		Text: f.Interval(),
	}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// summary is the verdict on a container; "" if there is none.
func (s *State) summary(c *history.Container) string {
	if d := diagnosisOf(c.Identity, s.latestDiagnosis()); d != nil {
		return d.Summary
	}
	return ""
}
