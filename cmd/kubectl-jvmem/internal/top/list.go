package top

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// Schema is the version of the JSON form.
const Schema = "jvmem.top/v1"

// List is the result. nil is unknown.
type List struct {
	Schema     string      `json:"schema"`
	Time       time.Time   `json:"time"`
	Containers []Container `json:"containers"`
	// NotAsked are pods with a sidecar that did not answer.
	NotAsked []NotAsked `json:"not_asked"`
	// WithoutSidecar are the other pods.
	WithoutSidecar []Pod `json:"without_sidecar"`
}

// Pod identifies a pod.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"pod"`
	Node      string `json:"node,omitempty"`
}

// NotAsked is a pod that could not be asked.
type NotAsked struct {
	Pod
	fleet.Problem
}

// Container is one container with a JVM.
type Container struct {
	Pod
	Container string `json:"container"`

	LimitBytes         *int64   `json:"limit_bytes"`
	Limited            *bool    `json:"limited"`
	UnreclaimableBytes *int64   `json:"unreclaimable_bytes"`
	Share              *float64 `json:"share"` // of the limit
	OOMKills           *int64   `json:"oom_kills"`
	SampleAgeSeconds   *float64 `json:"sample_age_seconds"`

	Verdict *string `json:"verdict"`
	Subject string  `json:"subject,omitempty"`
	Summary string  `json:"summary,omitempty"`
	// Incident is the one that counts most, and its state.
	Incident *Incident `json:"incident"`
	// Growth is nil if nothing grows, or if it is not known whether something does: Judged
	// tells which.
	Growth    *Growth  `json:"growth"`
	Judged    bool     `json:"judged"`
	NotJudged []string `json:"not_judged,omitempty"`
	// SecondsToLimit is to the OOM kill, or to a Java OutOfMemoryError: Reached says which.
	SecondsToLimit *float64 `json:"seconds_to_limit"`
	Reached        string   `json:"reached,omitempty"`
	// NoVerdict is why the verdict is unknown.
	NoVerdict *fleet.Problem `json:"no_verdict,omitempty"`

	JVMs []JVM `json:"jvms"`
}

// Incident is a leak.
type Incident struct {
	Verdict string `json:"verdict"`
	State   string `json:"state"`
}

// Growth is that of the row that grows most.
type Growth struct {
	Row          string `json:"row"` // or Unreclaimable
	BytesPerHour int64  `json:"bytes_per_hour"`
}

// Unreclaimable is the row of a Growth that no row explains.
const Unreclaimable = "unreclaimable"

// JVM is one JVM of a container.
type JVM struct {
	Version       string   `json:"version,omitempty"`
	GC            string   `json:"gc,omitempty"`
	UptimeSeconds *float64 `json:"uptime_seconds"`
}

// New makes a list of answers.
func New(at time.Time, answers []fleet.Answer) *List {
	l := &List{Schema: Schema, Time: at.UTC(), Containers: []Container{}, NotAsked: []NotAsked{}, WithoutSidecar: []Pod{}}
	for i := range answers {
		a := &answers[i]
		pod := Pod{a.Pod.Namespace, a.Pod.Name, a.Pod.Spec.NodeName}
		if a.Problem != nil {
			l.NotAsked = append(l.NotAsked, NotAsked{pod, *a.Problem})
			continue
		}
		for k := range a.Breakdown.Containers {
			l.Containers = append(l.Containers, container(pod, a, &a.Breakdown.Containers[k]))
		}
	}
	slices.SortFunc(l.Containers, byEnd)
	slices.SortFunc(l.NotAsked, func(a, b NotAsked) int { return cmp.Or(cmp.Compare(a.Reason, b.Reason), comparePods(a.Pod, b.Pod)) })
	return l
}

func container(pod Pod, a *fleet.Answer, c *fleet.Container) Container {
	out := Container{
		Pod: pod, Container: fleet.Printable(cmp.Or(c.Name, c.ID[:min(len(c.ID), 12)], "?"), 63),
		LimitBytes: c.Limit(), Limited: c.Limited, UnreclaimableBytes: c.Unreclaimable(), OOMKills: c.Kills(),
		SampleAgeSeconds: age(a, c), NoVerdict: a.NoVerdict, JVMs: []JVM{},
	}
	if out.LimitBytes != nil && *out.LimitBytes > 0 && out.UnreclaimableBytes != nil {
		out.Share = new(float64(*out.UnreclaimableBytes) / float64(*out.LimitBytes))
	}
	for i := range c.JVMs {
		j := &c.JVMs[i]
		out.JVMs = append(out.JVMs, JVM{fleet.Printable(j.Version, 20), fleet.Printable(j.GC, 20), j.UptimeSeconds})
	}
	if v := a.Diagnosis.VerdictOn(c); v != nil {
		out.judge(v, since(a.At, a.Diagnosis.Time))
	}
	return out
}

// age is how old the rows are.
func age(a *fleet.Answer, c *fleet.Container) *float64 {
	if c.RowsAgeSeconds != nil {
		return c.RowsAgeSeconds
	}
	read := a.Breakdown.Time
	if c.ReadAt != nil {
		read = *c.ReadAt
	}
	if a.At.IsZero() || read.IsZero() {
		return nil
	}
	return new(since(a.At, read))
}

// since is the time between two moments of the same clock in seconds, 0 if one of them is
// not known: the verdict is renewed each interval.
func since(now, then time.Time) float64 {
	if now.IsZero() || then.IsZero() {
		return 0
	}
	return max(0, now.Sub(then).Seconds())
}

func (c *Container) judge(v *fleet.Verdict, age float64) {
	c.Verdict, c.Subject, c.Summary = new(fleet.Printable(v.Verdict, 40)), fleet.Printable(v.Subject, 63), fleet.Printable(v.Summary, 1000)
	c.Judged = v.Judged() && len(v.NotJudged) == 0
	for _, text := range v.NotJudged {
		c.NotJudged = append(c.NotJudged, fleet.Printable(text, 200))
	}
	if f := v.Forecast; f != nil {
		c.SecondsToLimit, c.Reached = new(max(0, f.Seconds-age)), fleet.Printable(f.Reached, 40)
	}
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if rank := rankOf(in.State); rank > 0 && (c.Incident == nil || rank > rankOf(c.Incident.State)) {
			c.Incident = &Incident{fleet.Printable(in.Verdict, 40), in.State}
		}
		if in.State != fleet.Suspected && in.State != fleet.Confirmed || in.Rate == nil {
			continue // a paused one does not grow now
		}
		if c.Growth == nil || in.Rate.BytesPerHour > c.Growth.BytesPerHour {
			c.Growth = &Growth{fleet.Printable(cmp.Or(in.Row, in.Verdict), 40), in.Rate.BytesPerHour}
		}
	}
	if c.Growth == nil && v.Growth != nil {
		c.Growth = &Growth{Unreclaimable, v.Growth.BytesPerHour}
	}
}

// rankOf says how much a state counts; 0: not at all.
func rankOf(state string) int {
	return slices.Index([]string{"", fleet.Suspected, fleet.Paused, fleet.Confirmed}, state)
}

// byEnd sorts what ends first to the top.
func byEnd(a, b Container) int {
	return cmp.Or(
		cmp.Compare(or(a.SecondsToLimit, math.Inf(1)), or(b.SecondsToLimit, math.Inf(1))),
		cmp.Compare(b.state(), a.state()),
		cmp.Compare(or(b.Share, -1), or(a.Share, -1)),
		comparePods(a.Pod, b.Pod), cmp.Compare(a.Container, b.Container),
	)
}

func (c *Container) state() int {
	if c.Incident == nil {
		return 0
	}
	return rankOf(c.Incident.State)
}

func or(f *float64, unknown float64) float64 {
	if f == nil {
		return unknown
	}
	return *f
}

func comparePods(a, b Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
