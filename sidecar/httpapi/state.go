package httpapi

import (
	"slices"
	"sync"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
)

// State holds what is shown, between the loop that samples and the requests.
// Its methods may be called concurrently.
type State struct {
	// These are set before the first request.
	History   *history.Store
	Autopsies *autopsy.Store
	Version   string // of jvmem
	// LogDropped returns how many log lines were dropped; nil: none ever is.
	LogDropped func() int64

	mu        sync.RWMutex
	report    *breakdown.Report
	diagnosis *diagnosis.Report
	turned    time.Time
	cost      Cost
}

// Cost is what jvmem takes itself. nil: not known, or no limit.
type Cost struct {
	SampleInterval *time.Duration // between two samples, as it is now
	CPURatio       *float64       // share of a core in the last minutes
	MaxCPURatio    *float64       // which the samples are made rarer for
}

// Turn says that the loop turns, and at what cost.
func (s *State) Turn(c Cost) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turned, s.cost = time.Now(), c
}

// Set puts in a new report, which must not be changed any more. It also says
// that the loop turns.
func (s *State) Set(r *breakdown.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report, s.turned = r, time.Now()
}

// latest returns the report, nil before the first, and when it was set.
func (s *State) latest() (*breakdown.Report, time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.report, s.turned
}

// current returns the latest report, with what was read of its containers since;
// nil before the first.
func (s *State) current() *breakdown.Report {
	report, _ := s.latest()
	if report == nil || s.History == nil {
		return report
	}
	copied := *report
	copied.Containers = slices.Clone(report.Containers)
	for i := range copied.Containers {
		c := &copied.Containers[i]
		s.History.Container(c, func(h *history.Container) {
			if at, ok := h.LastTime(); ok && at.After(report.Time) && h.Latest(history.JVMGeneration) == nil {
				c.Now = nowOf(h, at)
			}
		})
	}
	return &copied
}

func nowOf(h *history.Container, at time.Time) *breakdown.Now {
	n := &breakdown.Now{
		Time: at, UsageBytes: h.Latest(history.Usage), WorkingSetBytes: h.Latest(history.WorkingSet), ReclaimableBytes: h.Latest(history.Reclaimable),
		OOMKills: h.Latest(history.OOMKills), ThreadsLive: h.Latest(history.Threads),
	}
	if limit := h.Latest(history.Limit); limit != nil && n.WorkingSetBytes != nil {
		n.HeadroomBytes = new(*limit - *n.WorkingSetBytes)
	}
	return n
}

func (s *State) costs() Cost {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cost
}

// SetDiagnosis puts in a new diagnosis, which must not be changed any more.
func (s *State) SetDiagnosis(d *diagnosis.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.diagnosis = d
}

// verdicts returns the latest diagnosis, nil before the first.
func (s *State) verdicts() *diagnosis.Report {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.diagnosis
}
