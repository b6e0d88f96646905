package hsperf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpen: the file is the container's, and may be anything by the
// time that it is opened.
func TestOpen(t *testing.T) {
	const path = "/tmp/hsperfdata_app/1"
	for name, tt := range map[string]struct {
		// put makes what lies at the path, and returns the inode that the JVM mapped.
		put    func(t *testing.T, file, secret string) uint64
		suffix string
		want   error // if one of its own
		ok     bool
	}{
		"a file": {ok: true, put: func(t *testing.T, file, _ string) uint64 {
			return write(t, file, "counters")
		}},
		"another file": {put: func(t *testing.T, file, _ string) uint64 {
			return write(t, file, "counters") + 1
		}},
		"a link out of the container": {put: func(t *testing.T, file, secret string) uint64 {
			inode := write(t, secret, "secret")
			if err := os.Symlink(secret, file); err != nil {
				t.Fatal(err)
			}
			return inode
		}},
		"a relative link out of the container": {put: func(t *testing.T, file, secret string) uint64 {
			inode := write(t, secret, "secret")
			if err := os.Symlink("../../../../../../../../../../../../.."+secret, file); err != nil {
				t.Fatal(err)
			}
			return inode
		}},
		"a pipe without a writer": {put: func(t *testing.T, file, _ string) uint64 {
			if err := unix.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
			return inodeOf(t, file)
		}},
		"a folder": {put: func(t *testing.T, file, _ string) uint64 {
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
			return inodeOf(t, file)
		}},
		"nothing":   {put: func(*testing.T, string, string) uint64 { return 42 }},
		"a deleted": {want: ErrDeleted, suffix: " (deleted)", put: func(*testing.T, string, string) uint64 { return 42 }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			proc := filepath.Join(dir, "proc")
			file := filepath.Join(proc, "7", "root", path)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			inode := tt.put(t, file, filepath.Join(dir, "secret"))
			write(t, filepath.Join(proc, "7", "maps"), fmt.Sprintf(
				"7f00-7f10 rw-p 00000000 00:00 0 \n7f10-7f20 rw-s 00000000 fe:00 %d       %s%s\n", inode, path, tt.suffix))
			f, err := Open(proc, 7)
			if tt.ok != (err == nil) || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Fatalf("got %v, %v", f, err)
			}
			if err != nil {
				return
			}
			defer f.Close()
			if text, err := f.ReadBytes(nil); err != nil || string(text) != "counters" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// TestNew: what the JVM says of the size of its memory is not believed.
func TestNew(t *testing.T) {
	memory := io.NewSectionReader(bytes.NewReader([]byte("counters")), 0, 1<<50)
	r := New(memory)
	text, err := r.ReadBytes(nil)
	if err != nil || string(text) != "counters" || cap(text) > 2*maxBytes {
		t.Errorf("%q with room for %d bytes, %v", text, cap(text), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenUnreadableMaps: mappings that cannot be read to their end are no sign of a
// JVM without the file, whose fix would be to change the JVM's flags.
func TestOpenUnreadableMaps(t *testing.T) {
	for name, text := range map[string]string{
		"fails while it is read": "", // a folder: EISDIR
		"a line without end":     strings.Repeat("x", 1<<20),
		"cut in a line":          "7f00-7f10 rw-p 00000000 00:00 0 \n7f10-7f20 rw-s 00000000 fe:00 7       /tmp/hsperf",
	} {
		dir := filepath.Join(t.TempDir(), "7")
		var err error
		if text == "" {
			err = os.MkdirAll(filepath.Join(dir, "maps"), 0o755)
		} else if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(dir, "maps"), []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, err := Open(filepath.Dir(dir), 7); err == nil || errors.Is(err, ErrNoFile) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

// write makes a file and returns its inode.
func write(t *testing.T, path, text string) uint64 {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return inodeOf(t, path)
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}
