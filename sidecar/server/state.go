package server

import (
	"sync"
	"time"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// State holds the latest report between the loop that samples and the
// requests. Its methods may be called concurrently.
type State struct {
	mu     sync.RWMutex
	report *breakdown.Report
	turned time.Time
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
