package debian

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	libraries = "usr/lib/x86_64-linux-gnu"
	linker    = "ld-linux-x86-64.so.2"
)

// Programs in the base of containers.
var basePrograms = []string{"sh", "sleep", "tail", "cat", "env", "mkdir"}

// Libraries that are loaded without being listed as an import.
var baseLibraries = []string{
	"libjemalloc.so.2", // LD_PRELOAD
	"libgcc_s.so.1",    // glibc, to cancel a thread
	"librt.so.1",       // HotSpot up to 11, for its clock
	"libstdc++.so.6", "libz.so.1",
}

// The files of a JDK that the tests run. The others are for screens, printers and smart cards.
var jdkUsed = []string{
	"java", "libjli.so", "libjvm.so", "libjava.so", "libverify.so", "libjimage.so", "libzip.so", "libnio.so", "libnet.so",
	"libmanagement.so", "libmanagement_ext.so", "libinstrument.so", "libextnet.so",
}

// Folders in the base, for mounts and files of the tests.
var baseFolders = map[string]fs.FileMode{
	"bin": 0o755, "lib64": 0o755, libraries: 0o755, "etc": 0o755,
	"proc": 0o555, "sys": 0o555, "dev": 0o755, "tmp": 0o777 | fs.ModeSticky,
	"opt/jdk": 0o755, "app": 0o755, "data": 0o755, "ctl": 0o755,
}

var baseFiles = map[string]string{
	"etc/passwd": "root:x:0:0:root:/:/bin/sh\napp:x:10001:10001:app:/:/bin/sh\n",
	"etc/group":  "root:x:0:\napp:x:10001:\n",
	"etc/hosts":  hosts,
}

// makeBase creates the root file system of a JVM's container. It has no links: programs are
// in /bin, and a library has the name by which it is loaded.
func (b *builder) makeBase(context.Context) error {
	base, system := b.path(baseName), b.path(systemName)
	for path, mode := range baseFolders {
		if err := os.MkdirAll(filepath.Join(base, path), 0o755); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(base, path), mode); err != nil {
			return err
		}
	}
	if err := writeFiles(base, baseFiles); err != nil {
		return err
	}
	for _, name := range basePrograms {
		if err := copyFile(filepath.Join(system, "usr/bin", name), filepath.Join(base, "bin", name)); err != nil {
			return err
		}
	}
	return errors.Join(
		b.copyLibraries(baseLibraries),
		b.copyImports(filepath.Join(base, "bin")),
		b.copyImports(b.path(jdkName)),
	)
}

// copyImports copies the libraries that the files below a folder import, except those of the
// JDK itself.
func (b *builder) copyImports(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !slices.Contains(basePrograms, entry.Name()) && !slices.Contains(jdkUsed, entry.Name()) {
			return err
		}
		names, err := imports(path)
		if err != nil {
			return err
		}
		return b.copyLibraries(slices.DeleteFunc(names, func(name string) bool { return slices.Contains(jdkUsed, name) }))
	})
}

// copyLibraries copies libraries of the system and their imports.
func (b *builder) copyLibraries(names []string) error {
	for _, name := range names {
		from, to := b.path(systemName, libraries, name), b.path(baseName, libraries, name)
		if name == linker {
			to = b.path(baseName, "lib64", name) // the path in all programs
		}
		if _, err := os.Stat(to); err == nil {
			continue
		}
		if err := copyFile(from, to); err != nil {
			return err
		}
		more, err := imports(from)
		if err != nil {
			return err
		}
		if err := b.copyLibraries(more); err != nil {
			return err
		}
	}
	return nil
}

// imports returns the names of the libraries that a program or library imports.
func imports(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	return file.ImportedLibraries()
}

// copyFile copies a file, or the target of a link, to a path that does not exist.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
