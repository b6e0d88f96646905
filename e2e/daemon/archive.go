package daemon

import (
	"archive/tar"
	"errors"
	"io"
)

// Archive returns a tar archive of what write puts into it, while it does. To
// read fails as write fails. It must be closed.
func Archive(write func(*tar.Writer) error) io.ReadCloser {
	read, pipe := io.Pipe()
	go func() {
		archive := tar.NewWriter(pipe)
		pipe.CloseWithError(errors.Join(write(archive), archive.Close())) // nil: the end of the file
	}()
	return read
}
