package sidecar

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Proc is a folder that looks like /proc with only some of its processes.
type Proc struct {
	t   *testing.T
	dir string
}

// NewProc returns a folder that shows what is in /proc besides processes, and the
// processes given.
func NewProc(t *testing.T, pids ...int) *Proc {
	t.Helper()
	p := &Proc{t, t.TempDir()}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			if err := p.link(e.Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.Show(pids...)
	return p
}

// Dir is the path of the folder.
func (p *Proc) Dir() string { return p.dir }

// Show adds processes. One that is already shown is no error.
func (p *Proc) Show(pids ...int) {
	p.t.Helper()
	for _, pid := range pids {
		if err := p.link(strconv.Itoa(pid)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// ShowCgroup adds all processes that are now in a cgroup.
func (p *Proc) ShowCgroup(dir string) error {
	pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if err := p.link(pid); err != nil {
			return err
		}
	}
	return nil
}

func (p *Proc) link(name string) error {
	err := os.Symlink(filepath.Join("/proc", name), filepath.Join(p.dir, name))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
