package httpapi

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/diagnosis"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/sizing"
)

// State hands results from the loop to the requests. Its methods may be called
// concurrently.
type State struct {
	// These are set before the first request, or before ProbesOnly is reset.
	History   *history.Store
	Autopsies *autopsy.Store
	Version   string // of jvmem
	// LogDropped returns the number of dropped log lines; nil: unknown.
	LogDropped func() int64

	// ProbesOnly refuses all requests but those of probes.
	ProbesOnly atomic.Bool

	mu        sync.RWMutex
	report    *breakdown.Report
	diagnosis *diagnosis.Report
	sizes     *sizing.Report
	ticked    time.Time
	cost      Cost
}

// Cost is the cost of jvmem itself. nil: unknown, or no limit.
type Cost struct {
	SampleInterval *time.Duration // current time between two full samples
	CPURatio       *float64       // share of a core in the last minutes
	MaxCPURatio    *float64       // the CPU limit, as a share of a core
}

// Tick reports that the loop is alive, and its cost.
func (s *State) Tick(c Cost) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticked, s.cost = time.Now(), c
}

// SetReport sets the latest report, which must not be changed afterwards. It also reports
// that the loop is alive.
func (s *State) SetReport(r *breakdown.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report, s.ticked = r, time.Now()
}

// latestReport returns the report, nil before the first, and the time of the last tick.
func (s *State) latestReport() (*breakdown.Report, time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.report, s.ticked
}

// current returns the latest report with the age of its rows and the readings since; nil
// before the first.
func (s *State) current() *breakdown.Report {
	report, _ := s.latestReport()
	if report == nil || s.History == nil {
		return report
	}
	now := time.Now()
	copied := *report
	copied.Containers = slices.Clone(report.Containers)
	for i := range copied.Containers {
		c := &copied.Containers[i]
		read := report.Time
		if c.ReadAt != nil {
			read = *c.ReadAt
		}
		c.RowsAgeSeconds = new(max(0, now.Sub(read).Seconds()))
		if s.Autopsies != nil {
			c.OOMKillsTotal = new(s.Autopsies.Report().In(c.Identity))
		}
		s.History.Container(c, func(h *history.Container) {
			if at, ok := h.LastTime(); ok && at.After(report.Time) && h.Latest(history.JVMGeneration) == nil {
				c.Reading = readingOf(h, at)
			}
		})
	}
	return &copied
}

func readingOf(h *history.Container, at time.Time) *breakdown.Reading {
	n := &breakdown.Reading{
		Time: at, LimitBytes: h.Latest(history.Limit), UsageBytes: h.Latest(history.Usage), WorkingSetBytes: h.Latest(history.WorkingSet), ReclaimableBytes: h.Latest(history.Reclaimable),
		OOMKills: h.Latest(history.OOMKills), ThreadsLive: h.Latest(history.Threads),
	}
	if n.LimitBytes != nil && n.WorkingSetBytes != nil {
		n.HeadroomBytes = new(*n.LimitBytes - *n.WorkingSetBytes)
	}
	return n
}

func (s *State) costs() Cost {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cost
}

// SetDiagnosis sets the latest diagnosis, which must not be changed afterwards.
func (s *State) SetDiagnosis(d *diagnosis.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.diagnosis = d
}

// SetSizes sets the latest sizes, which must not be changed afterwards.
func (s *State) SetSizes(sizes *sizing.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = sizes
}

// latestSizes returns the sizes, nil before the first diagnosis.
func (s *State) latestSizes() *sizing.Report {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sizes
}

// latestDiagnosis returns the diagnosis, nil before the first.
func (s *State) latestDiagnosis() *diagnosis.Report {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.diagnosis
}
