package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// A day of one container is some 4 MB.
	maxFileBytes = 1 << 20
	maxDiskBytes = 16 << 20
	maxFiles     = 64 // each start of the sidecar begins a new one
	// maxLineBytes is far above the size of maxSeries.
	maxLineBytes = 64 << 10
	filePattern  = "history-*.jsonl"
)

// line is one step of a container on disk.
type line struct {
	rows.Identity
	Time   int64                `json:"time_unix_ms"`
	Series map[string][3]*int64 `json:"series"` // last, min, max
}

// disk appends lines to files in a folder. A line that was written in part, because the
// disk was full, is truncated again, so that the next one may succeed.
type disk struct {
	dir    string
	number int      // of the current file
	file   *os.File // nil: none is open
	bytes  int64    // in file
}

// openDisk finds the existing files. The disk can be used also after an error.
func openDisk(dir string) (*disk, error) {
	d := &disk{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return d, fmt.Errorf("state folder: %w", err)
	}
	files, err := d.files()
	if len(files) > 0 {
		_, _ = fmt.Sscanf(filepath.Base(files[len(files)-1]), "history-%d", &d.number) // else the first is 1
	}
	return d, err
}

// files returns the files of the folder, the oldest first. A pipe or a link of such a name
// is ignored: reading the one would never end, the other leads elsewhere.
func (d *disk) files() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(d.dir, filePattern))
	slices.Sort(files)
	return slices.DeleteFunc(files, func(path string) bool {
		info, err := os.Lstat(path)
		return err != nil || !info.Mode().IsRegular()
	}), err
}

func (d *disk) append(l *line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if d.file != nil && d.bytes+int64(len(text)) > maxFileBytes {
		d.close()
	}
	if d.file == nil {
		if err := d.next(); err != nil {
			return err
		}
	}
	if _, err := d.file.Write(append(text, '\n')); err != nil {
		if d.file.Truncate(d.bytes) != nil {
			d.close() // the next line begins another file
		}
		return fmt.Errorf("write the history: %w", err)
	}
	d.bytes += int64(len(text)) + 1
	return nil
}

func (d *disk) close() {
	_ = d.file.Close() // each write returned its own error
	d.file = nil
}

// next begins a file, and removes the oldest ones to make room.
func (d *disk) next() error {
	files, err := d.files()
	if err != nil {
		return err
	}
	room := int64(maxDiskBytes - maxFileBytes)
	for i := len(files) - 1; i >= 0; i-- {
		if info, err := os.Stat(files[i]); err == nil {
			room -= info.Size()
		}
		if room < 0 || len(files)-i >= maxFiles {
			err = errors.Join(err, os.Remove(files[i]))
		}
	}
	d.number++
	path := filepath.Join(d.dir, fmt.Sprintf("history-%08d.jsonl", d.number))
	file, openErr := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if openErr != nil {
		if !errors.Is(openErr, fs.ErrExist) {
			d.number-- // the same failure has the same text, and is logged once
		}
		return fmt.Errorf("write the history: %w", errors.Join(openErr, err))
	}
	d.file, d.bytes = file, 0
	return nil
}

// read calls f with each readable line, in the order of writing.
func (d *disk) read(f func(*line)) error {
	files, err := d.files()
	for _, path := range files {
		if e := readLines(path, f); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

func readLines(path string, f func(*line)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 2*maxFileBytes))
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Time > 0 {
			f(&l)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) { // the rest is damaged
		return err
	}
	return nil
}

// write appends one step of a container.
func (s *Store) write(c *Container, index int) error {
	if s.disk == nil || index < 0 {
		return nil
	}
	t := c.coarse()
	l := line{Identity: c.Identity, Time: t.Times[index], Series: make(map[string][3]*int64)}
	for name, column := range t.Series {
		if p := column.At(index); p.Last != Unknown {
			l.Series[name] = [3]*int64{&p.Last, &p.Min, &p.Max}
		}
	}
	return s.disk.append(&l)
}

// load reads the lines of the folder from a time on.
func (s *Store) load(since int64) error {
	return s.disk.read(func(l *line) {
		if l.Time < since {
			return
		}
		of := &breakdown.Container{Identity: l.Identity}
		c := s.container(of)
		if c == nil { // those seen last are kept
			s.containers = slices.Delete(s.containers, 0, 1)
			c = s.container(of)
		}
		if last, ok := c.LastTime(); ok && l.Time < last.UnixMilli() {
			c.shift(l.Time - 1 - last.UnixMilli()) // a clock that was set back
		}
		names := make([]string, 0, len(l.Series))
		points := make([]Point, 0, len(l.Series))
		for name, v := range l.Series {
			if len(name) < 2*maxName && v[0] != nil && v[1] != nil && v[2] != nil {
				names, points = append(names, jvm.Printable(currentName(name), 2*maxName)), append(points, Point{*v[0], *v[1], *v[2]})
			}
		}
		c.coarse().add(l.Time, names, func(i int) Point { return points[i] })
	})
}
