// Package result has the result of one unit. The test binary writes one per line in JSON;
// the command run stores them and writes docs/accuracy.md from them.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Result is the outcome of one unit.
type Result struct {
	Unit    string  `json:"unit"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"`
	// Cell is nil unless the unit is a cell of the matrix.
	Cell  *Cell  `json:"cell,omitempty"`
	Steps []Step `json:"steps,omitempty"`
	// Notes are further findings, one sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Append adds the result to a file, as a line; "": none.
func (r *Result) Append(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

// Text returns the largest error of any row and the largest unattributed size, "-" if that includes
// the bytes of an unknown row.
func (r *Result) Text() string {
	var error int64
	var unattributed *int64
	for _, s := range r.Steps {
		if s.Want > 0 {
			error = max(error, s.Error(), abs(s.OtherGot))
		}
		if s.Unattributed != nil && (unattributed == nil || abs(*s.Unattributed) > abs(*unattributed)) {
			unattributed = s.Unattributed
		}
	}
	if unattributed == nil {
		return InMiB(error) + " / -"
	}
	return InMiB(error) + " / " + InMiB(*unattributed)
}

// InMiB formats a size for a table.
func InMiB(bytes int64) string { return fmt.Sprintf("%.2f", float64(bytes)/(1<<20)) }

// Cell is one way to run a JVM.
type Cell struct {
	Engine        string `json:"engine"`
	CgroupVersion int    `json:"cgroup_version"`
	Kernel        string `json:"kernel"`
	JDK           string `json:"jdk"` // its name in the manifest
	Version       string `json:"version"`
	Collector     string `json:"collector"`
	NMT           string `json:"nmt"`
	// Setting is "" for a cell of the matrix, else the special setting.
	Setting string `json:"setting,omitempty"`
}

// Step is one command of the workload and its effect. All sizes are bytes.
type Step struct {
	Command string `json:"command"`
	// Row had to grow by Want and grew by Got.
	Row  string `json:"row"`
	Want int64  `json:"want"`
	Got  int64  `json:"got"`
	// Other is the other row that changed most, by OtherGot.
	Other    string `json:"other,omitempty"`
	OtherGot int64  `json:"other_got,omitempty"`
	// Unattributed is nil if a row is unknown, as it includes the bytes of that row.
	Unattributed *int64 `json:"unattributed,omitempty"`
}

// Error returns the error of the row in bytes.
func (s *Step) Error() int64 { return abs(s.Got - s.Want) }

func abs(n int64) int64 { return max(n, -n) }
