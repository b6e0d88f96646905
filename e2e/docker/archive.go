package docker

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// AddFile puts a file of this machine into an image. A link is followed: the
// image gets the file that it leads to, under the link's name.
func AddFile(archive *tar.Writer, name, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	// PAX keeps the time as it is: HotSpot compares that of its files with what
	// its CDS archive says.
	header.Name, header.Format = strings.TrimPrefix(name, "/"), tar.FormatPAX
	header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("add %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}

// AddTree puts what is below a folder into an image, under name, but for what
// skip says of the paths below it. Links to files are followed; those to folders
// and those to nowhere are left out.
func AddTree(archive *tar.Writer, name, path string, skip func(string) bool) error {
	return filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		if skip(below) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(at)
			if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
				return nil
			}
		}
		return AddFile(archive, filepath.Join(name, below), at)
	})
}

// AddText puts a file with this content into an image.
func AddText(archive *tar.Writer, name, text string) error {
	err := archive.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o644, Size: int64(len(text))})
	if err != nil {
		return err
	}
	_, err = io.WriteString(archive, text)
	return err
}

// Libraries returns the shared libraries that programs need, the dynamic linker
// among them, as ldd names them.
func Libraries(programs ...string) ([]string, error) {
	out, err := exec.Command("ldd", programs...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w\n%s", err, out)
	}
	var libraries []string
	seen := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		// libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...), or the linker: /lib64/... (0x...)
		for _, field := range strings.Fields(line) {
			if filepath.IsAbs(field) && !strings.HasSuffix(field, ":") && !seen[field] {
				seen[field] = true
				libraries = append(libraries, field)
			}
		}
	}
	return libraries, nil
}
