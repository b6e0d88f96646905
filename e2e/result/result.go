// Package result is what the suite says of a unit that it ran: a line of JSON
// each, written by the test binary and read by the command run, which keeps it
// and makes docs/accuracy.md of it.
package result

// Result is the outcome of one unit, a test that is run and kept as a whole.
type Result struct {
	Unit    string  `json:"unit"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"`
	// Cell is nil where the unit is no cell of the matrix.
	Cell  *Cell  `json:"cell,omitempty"`
	Steps []Step `json:"steps,omitempty"`
	// Notes are what it found that is worth telling, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Cell is one way to run a JVM.
type Cell struct {
	Engine        string `json:"engine"`
	CgroupVersion int    `json:"cgroup_version"`
	Kernel        string `json:"kernel"`
	JDK           string `json:"jdk"` // its name in the manifest
	Version       string `json:"version"`
	Collector     string `json:"collector"`
	NMT           string `json:"nmt"`
	// Setting is "" for a cell of the matrix, else what is special.
	Setting string `json:"setting,omitempty"`
}

// Step is one command of the workload and what became of it. All sizes are bytes.
type Step struct {
	Command string `json:"command"`
	// Row had to grow by Want and grew by Got.
	Row  string `json:"row"`
	Want int64  `json:"want"`
	Got  int64  `json:"got"`
	// Other is the row that changed most beside it, by OtherGot.
	Other    string `json:"other,omitempty"`
	OtherGot int64  `json:"other_got,omitempty"`
	// Unattributed is nil where a row is unknown: its bytes are in there.
	Unattributed *int64 `json:"unattributed,omitempty"`
	// Freed is how much of it freeing took out of use; nil where the step is
	// not freed, or nobody tells what is in use.
	Freed *int64 `json:"freed,omitempty"`
}

// Error returns by how many bytes the row is off.
func (s *Step) Error() int64 { return abs(s.Got - s.Want) }

func abs(n int64) int64 { return max(n, -n) }
