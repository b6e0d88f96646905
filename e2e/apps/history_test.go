package apps

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// overlap is how much of what is known already is asked for again.
const overlap = 5 * time.Second

// joined is a history that is put together from snapshots: each of them has only the latest
// samples and light readings, in a long run a small part of all.
type joined struct {
	last   []byte // the latest snapshot; nil: none yet
	points map[int64]map[string]int64
}

// query returns what to get next.
func (j *joined) query() string {
	if len(j.points) == 0 {
		return "/history"
	}
	newest := slices.Max(slices.Collect(maps.Keys(j.points)))
	return "/history?since=" + time.UnixMilli(newest).Add(-overlap).UTC().Format(time.RFC3339)
}

// add takes in a snapshot: its samples and readings, not its steps of a minute.
func (j *joined) add(text []byte) error {
	var h sidecar.History
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if len(h.Containers) != 1 || len(h.Containers[0].Tracks) == 0 {
		return nil // nothing new
	}
	j.last = text
	if j.points == nil {
		j.points = make(map[int64]map[string]int64)
	}
	fine := h.Containers[0].Tracks[len(h.Containers[0].Tracks)-1]
	for i, at := range fine.Times {
		for name, column := range fine.Series {
			if i >= len(column.Last) || column.Last[i] == nil {
				continue
			}
			if j.points[at] == nil {
				j.points[at] = make(map[string]int64)
			}
			j.points[at][name] = *column.Last[i]
		}
	}
	return nil
}

// track returns all that was joined.
func (j *joined) track() sidecar.Track {
	t := sidecar.Track{Times: slices.Sorted(maps.Keys(j.points)), Series: make(map[string]sidecar.Column)}
	for i, at := range t.Times {
		for name, value := range j.points[at] {
			if _, known := t.Series[name]; !known {
				t.Series[name] = sidecar.Column{Last: make([]*int64, len(t.Times))}
			}
			t.Series[name].Last[i] = &value
		}
	}
	return t
}

// document returns the latest snapshot with all that was joined as its only track.
func (j *joined) document() (map[string]json.RawMessage, error) {
	var d map[string]json.RawMessage
	var containers []map[string]json.RawMessage
	if err := json.Unmarshal(j.last, &d); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(d["containers"], &containers); err != nil {
		return nil, err
	}
	tracks, err := json.Marshal([]sidecar.Track{j.track()})
	containers[0]["tracks"] = tracks
	all, failed := json.Marshal(containers)
	d["containers"] = all
	return d, errors.Join(err, failed)
}

// write writes the history to a file, compressed.
func (j *joined) write(path string) error {
	d, err := j.document()
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(file)
	err = json.NewEncoder(zip).Encode(d)
	return errors.Join(err, zip.Close(), file.Close())
}

func TestJoined(t *testing.T) {
	// Two snapshots: a step of a minute, then samples and readings.
	const snapshot = `{"schema": "jvmem.history/v1", "containers": [{"name": %q, "jvms": [{"flags": {"MaxHeapSize": 268435456}}], "tracks": [
		{"step_ms": 60000, "time_unix_ms": [1000], "series": {"usage": {"last": [1], "min": [1], "max": [1]}}},
		{"step_ms": 0, "time_unix_ms": %s, "series": %s}]}]}`
	var j joined
	if j.query() != "/history" {
		t.Error(j.query())
	}
	for _, text := range []string{
		fmt.Sprintf(snapshot, "a", "[1000, 2000, 9000]", `{"usage": {"last": [10, 20, 90]}, "threads": {"last": [1, null, 9]}}`),
		fmt.Sprintf(snapshot, "b", "[9000, 10000]", `{"usage": {"last": [90, 100]}, "classes": {"last": [null, 5]}}`),
	} {
		if err := j.add([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if q := j.query(); q != "/history?since=1970-01-01T00:00:05Z" {
		t.Error(q)
	}
	d, err := j.document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"containers":[{"jvms":[{"flags":{"MaxHeapSize":268435456}}],"name":"b","tracks":[` +
		`{"step_ms":0,"time_unix_ms":[1000,2000,9000,10000],"series":{"classes":{"last":[null,null,null,5]},` +
		`"threads":{"last":[1,null,9,null]},"usage":{"last":[10,20,90,100]}}}]}],"schema":"jvmem.history/v1"}`
	if string(text) != want {
		t.Errorf("%s, want\n%s", text, want)
	}
}
