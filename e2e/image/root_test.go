package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// addBase writes a root file system with a few programs of this machine and their libraries.
// /usr may be replaced by that of this machine.
func addBase(archive *tar.Writer) error {
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777}); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "lib", "lib64"} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: dir, Linkname: "usr/" + dir}); err != nil {
			return err
		}
	}
	if err := addText(archive, "etc/passwd", "app:x:10001:10001:app:/:/bin/sh\n"); err != nil { // HotSpot looks up the name of its user
		return err
	}
	programs := []string{"/usr/bin/sh", "/usr/bin/sleep", "/usr/bin/touch"}
	out, err := exec.Command("ldd", programs...).Output()
	if err != nil {
		return fmt.Errorf("ldd %v: %w", programs, err)
	}
	files := append(programs, regexp.MustCompile(`/\S*\.so\S*`).FindAllString(string(out), -1)...)
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		// /lib is a link to /usr/lib, as in every Debian from 12 on.
		if err := addFile(archive, file, "usr"+strings.TrimPrefix(file, "/usr")); err != nil {
			return err
		}
	}
	return nil
}

// addBuilder writes the parts of a golang image that a build needs.
func addBuilder(ctx context.Context, modules string) func(*tar.Writer) error {
	return func(archive *tar.Writer) error {
		if err := addBase(archive); err != nil {
			return err
		}
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return err
		}
		goroot := strings.TrimSpace(string(root))
		for _, dir := range []string{"bin", "lib", "pkg", "src"} {
			if err := addFolder(archive, filepath.Join(goroot, dir), "usr/local/go/"+dir); err != nil {
				return err
			}
		}
		if err := addFile(archive, filepath.Join(goroot, "VERSION"), "usr/local/go/VERSION"); err != nil {
			return err
		}
		if err := addFolder(archive, modules, "proxy"); err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "usr/local/bin/go", Linkname: "../go/bin/go"}); err != nil {
			return err
		}
		return addText(archive, "usr/local/go/go.env", "GOPROXY=file:///proxy\nGOSUMDB=off\nGOTOOLCHAIN=local\nGOPATH=/go\nGOCACHE=/go/cache\n")
	}
}

// addFolder writes the files of a folder, except those for tests.
func addFolder(archive *tar.Writer, from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == "testdata":
			return filepath.SkipDir
		case entry.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return addFile(archive, path, to+strings.TrimPrefix(path, from))
	})
}

func addText(archive *tar.Writer, name, text string) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := io.WriteString(archive, text)
	return err
}

// addFile writes a file; of a link, its target.
func addFile(archive *tar.Writer, from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: to, Mode: int64(info.Mode().Perm()), Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

// fetchModules downloads the modules of the build to a folder in the layout of a module
// proxy, from the cache of this machine if possible.
func fetchModules(ctx context.Context, root, cache string) (proxy string, err error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return "", err
	}
	env := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, args := range [][]string{{"mod", "download"}, {"list", "-deps", "./cmd/jvmem"}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOMODCACHE="+cache, "GOFLAGS=-modcacherw", "GOPROXY=file://"+env[0]+"/cache/download,"+env[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return filepath.Join(cache, "cache/download"), nil
}
