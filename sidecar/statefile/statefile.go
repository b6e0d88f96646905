package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxBytes bounds the size of a file that is read.
const maxBytes = 8 << 20

// Read returns the content of a file that Write wrote; nil if there is none.
func Read(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path) // reading a pipe would never end
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxBytes))
}

// newSuffix is that of the name of a file before it is complete. It is always the same: so what
// is left of a write that was cut short is replaced by the next one, and the same failure has the
// same text.
const newSuffix = ".new"

// Write writes a new file and renames it to the old one's name: a crash or a full disk
// leaves the old one.
func Write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unfinished := path + newSuffix
	_ = os.Remove(unfinished) // if it is still there, it cannot be opened
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(unfinished))
	}
	return err
}
