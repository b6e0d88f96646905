package sidecar

import (
	"cmp"
	"fmt"
	"time"
)

// DiagnosisReport is jvmem.diagnosis/v1.
type DiagnosisReport struct {
	Time       time.Time   `json:"time"`
	Containers []Diagnosis `json:"containers"`
}

// Diagnosis is the verdict about one container. A nil pointer is a null.
type Diagnosis struct {
	Verdict    string     `json:"verdict"`
	Subject    string     `json:"subject"`
	Confidence *float64   `json:"confidence"`
	Summary    string     `json:"summary"`
	Forecast   *Forecast  `json:"forecast"`
	Findings   []Finding  `json:"findings"`
	Incidents  []Incident `json:"incidents"`
}

// Finding is one problem that was found.
type Finding struct {
	Verdict  string   `json:"verdict"`
	Gathered Gathered `json:"gathered"`
}

// Gathered has the lines of code that recordings of a container's JVMs show.
type Gathered struct {
	Causes []Recording `json:"causes"`
	// Failed says what could not be gathered.
	Failed string `json:"failed"`
}

// FirstLine returns the first line of code that is named, or why none is; both are empty if nothing
// was recorded.
func (g *Gathered) FirstLine() (line, reason string) {
	reason = g.Failed
	for _, found := range g.Causes {
		if len(found.Causes) > 0 {
			return found.Causes[0].Line.String(), ""
		}
		reason = cmp.Or(found.Reason, reason)
	}
	return "", reason
}

// Recording is what a recording of a JVM shows.
type Recording struct {
	// Causes are the lines of code that leak, the one that leaks most first; Reason says why
	// there are none.
	Causes []Cause `json:"causes"`
	Reason string  `json:"reason"`
}

// Cause is a line of code that leaks.
type Cause struct {
	Line Line `json:"line"`
}

// Line is a line of code.
type Line struct {
	Class  string `json:"class"`
	Method string `json:"method"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}

func (l Line) String() string {
	return fmt.Sprintf("%s.%s(%s:%d)", l.Class, l.Method, l.File, l.Line)
}

// Incident is one leak, from the first suspicion on.
type Incident struct {
	Verdict string `json:"verdict"`
	Subject string `json:"subject"`
	State   string `json:"state"`   // suspected, confirmed, paused or closed
	Waiting string `json:"waiting"` // for what, before it is confirmed
	// Gathered is that of a suspicion; later the finding has it.
	Gathered Gathered `json:"gathered"`
}

// Forecast is the time until a limit is reached.
type Forecast struct {
	Reached     string   `json:"reached"`
	Seconds     float64  `json:"seconds"`
	LowSeconds  *float64 `json:"low_seconds"`
	HighSeconds *float64 `json:"high_seconds"`
}

// History is jvmem.history/v1.
type History struct {
	Containers []struct {
		Tracks []Track `json:"tracks"`
	} `json:"containers"`
}

// Track is all series of a container in steps of one length; 0: samples and readings.
type Track struct {
	StepMillis int64             `json:"step_ms"`
	Times      []int64           `json:"time_unix_ms"`
	Series     map[string]Column `json:"series"`
}

// Column is one series of a track.
type Column struct {
	Last []*int64 `json:"last"`
	Min  []*int64 `json:"min,omitempty"` // of a step; absent where a point is a sample
}

type autopsies struct {
	Autopsies []Autopsy `json:"autopsies"`
}

// Autopsy is one entry of jvmem.oom/v1.
type Autopsy struct {
	Kind           string     `json:"kind"`
	Cause          string     `json:"cause"`
	Subject        string     `json:"subject"`
	Summary        string     `json:"summary"`
	ContainerID    string     `json:"container_id"`
	OOMKills       *int64     `json:"oom_kills"`
	Last           *Container `json:"last_breakdown"`
	LastAgeSeconds *float64   `json:"last_age_seconds"`
	RestartedAt    *time.Time `json:"restarted_at"`
}
