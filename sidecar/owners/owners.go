package owners

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/evidence/owners"
	"github.com/jvmem/jvmem/jvm/proc"
)

// Schema identifies the JSON of a Report.
const Schema = "jvmem.owners/v1"

// Report says who owns the native memory of one JVM.
type Report struct {
	Schema string `json:"schema"`
	*owners.Report
}

// Look looks at a JVM, by its PID; 0: the only one of this PID namespace. since is the path
// of a baseline, "" for none.
func Look(procfs string, pid int, since string) (*Report, error) {
	pid, err := choose(procfs, pid)
	if err != nil {
		return nil, err
	}
	baseline, err := readBaseline(since)
	if err != nil {
		return nil, err
	}
	report, err := owners.Find(owners.Target{Proc: procfs, PID: pid}, baseline, owners.DefaultBudget())
	if errors.Is(err, owners.ErrOtherProcess) {
		return nil, fmt.Errorf("%s: %w\n  fix: save one of the JVM that runs now (--save)", since, err)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: %w\n  fix: %s", pid, err, jvm.FixFor(err))
	}
	return &Report{Schema, report}, nil
}

// choose returns the PID of a JVM.
func choose(procfs string, pid int) (int, error) {
	if pid != 0 {
		p, err := jvm.Open(procfs, pid)
		if err != nil {
			return 0, err
		}
		return pid, p.Close()
	}
	pids, err := proc.PIDs(procfs)
	if err != nil {
		return 0, err
	}
	var found []int
	for _, candidate := range pids {
		if p, err := jvm.Open(procfs, candidate); err == nil {
			_ = p.Close() // nothing was opened
			found = append(found, candidate)
		}
	}
	switch len(found) {
	case 0:
		return 0, errors.New("no JVM found in this PID namespace")
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%d JVMs found: set --pid to one of %v", len(found), found)
}

func readBaseline(path string) (*owners.Snapshot, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s, err := owners.ReadSnapshot(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Save writes the baseline of this look to a file, which only its owner can read.
func (r *Report) Save(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(r.Now.WriteJSON(file), file.Close())
}

// WriteJSON writes the report in the form of Schema.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, r.Text())
	return err
}
