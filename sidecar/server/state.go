package server

import (
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

	mu        sync.RWMutex
	report    *breakdown.Report
	diagnosis *diagnosis.Report
	turned    time.Time
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
