package node

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// layer is an uncompressed layer of an image, in a file.
type layer struct {
	path   string
	digest string
	bytes  int64
}

// layerWriter writes one layer.
type layerWriter struct{ *tar.Writer }

// newLayer creates a layer, which write fills, in a file.
func newLayer(path string, write func(layerWriter) error) (_ layer, err error) {
	file, err := os.Create(path)
	if err != nil {
		return layer{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	digest := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(file, digest))
	if err := errors.Join(write(layerWriter{archive}), archive.Close()); err != nil {
		return layer{}, fmt.Errorf("layer %s: %w", path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return layer{}, err
	}
	return layer{file.Name(), fmt.Sprintf("sha256:%x", digest.Sum(nil)), info.Size()}, nil
}

// tree adds a folder of this machine, with its own permissions and root as the owner.
func (w layerWriter) tree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var target string
		if entry.Type()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		header.Name = filepath.Join(to, relative)
		header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
		if err := w.WriteHeader(header); err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(w, file)
		return err
	})
}

// file adds a file that all may run.
func (w layerWriter) file(name string, from io.Reader, bytes int64) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Size: bytes, Mode: 0o755}); err != nil {
		return err
	}
	_, err := io.Copy(w, from)
	return err
}

// program adds a program of this machine.
func (w layerWriter) program(name, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return w.file(name, bytes.NewReader(text), int64(len(text)))
}

func (w layerWriter) link(name, target string) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}
