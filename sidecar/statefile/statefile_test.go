package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWrite: what a write that was cut short left is replaced, also if something else has its name.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a.json"), filepath.Join(t.TempDir(), "other")
	for name, leave := range map[string]func() error{
		"nothing": func() error { return nil },
		"a part":  func() error { return os.WriteFile(path+newSuffix, []byte("{"), 0o600) },
		"a pipe":  func() error { return unix.Mkfifo(path+newSuffix, 0o600) },
		"a link":  func() error { return os.Symlink(other, path+newSuffix) },
	} {
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, []byte(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := Read(path); err != nil || string(text) != name {
			t.Errorf("%s: read %q, %v", name, text, err)
		}
	}
	if _, err := os.Lstat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link was followed: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files are left, want 1: %v", len(files), err)
	}
}

// TestWriteFails: the same failure has the same text each time, so it is logged once.
func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, second := Write(path, []byte("{}")), Write(path, []byte("{}"))
	if first == nil || second == nil || first.Error() != second.Error() {
		t.Errorf("%v, then %v", first, second)
	}
	if _, err := os.Lstat(path + newSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part is left: %v", err)
	}
}
