package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

// history serves the history: all of it, or since a time (since: a duration or RFC 3339)
// and in steps (step: a duration).
func (s *State) history(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	since, err := parseSince(query.Get("since"), time.Now())
	step := time.Duration(0)
	if text := query.Get("step"); err == nil && text != "" {
		if step, err = time.ParseDuration(text); err == nil && step <= 0 {
			err = fmt.Errorf("step %s must be positive", step)
		}
	}
	if err != nil {
		writeText(w, http.StatusBadRequest, err.Error()+": use since=1h or since=2006-01-02T15:04:05Z, and step=1m\n")
		return
	}
	document := s.History.Document(since, step)
	if report, _ := s.latestReport(); report != nil {
		document.Pod = report.Pod
	}
	w.Header().Set("Content-Type", "application/json")
	_ = document.WriteJSON(w) // the client is gone
}

// parseSince parses a duration before now, or a time; "" is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		if ago < 0 {
			return time.Time{}, fmt.Errorf("since %s must not be negative", text)
		}
		return now.Add(-ago), nil
	}
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		err = fmt.Errorf("since %q is neither a time nor a duration of at most %.0fh", text, math.Floor(time.Duration(math.MaxInt64).Hours()))
	}
	return since, err
}
