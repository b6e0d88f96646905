package daemon

import (
	"archive/tar"
	"errors"
	"io"
)

// Archive returns a reader of a tar archive while write creates it. Reading returns the error
// of write. The reader must be closed.
func Archive(write func(*tar.Writer) error) io.ReadCloser {
	read, pipe := io.Pipe()
	go func() {
		archive := tar.NewWriter(pipe)
		pipe.CloseWithError(errors.Join(write(archive), archive.Close())) // nil: the end of the file
	}()
	return read
}
