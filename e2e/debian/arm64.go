package debian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The packages for guests on arm64; debootstrap adds the essential ones.
var arm64Packages = []string{"systemd", "busybox-static", "linux-image-arm64", "linux-image-arm64-16k", jrePackage(17), jrePackage(25)}

// arm64Recipe must be increased if the same packages result in another tree.
const arm64Recipe = 1

// packagesName is the folder of the packages that are not in the system.
const packagesName = "packages"

// ARM64 is a complete tree for guests on arm64. It must not be modified.
type ARM64 struct{ Dir string }

// GetARM64 is Get for arm64. No program of the tree is run.
func GetARM64(ctx context.Context, need string) (*ARM64, error) {
	key := fmt.Sprintf("arm64-%x", sha256.Sum256(fmt.Append(nil, arm64Recipe, mirror, arm64Packages)))[:18]
	t := &ARM64{Dir: filepath.Join(cache(), key)}
	return t, get(ctx, t.Dir, need, buildARM64)
}

// System returns the root file system of a guest, which has the JDKs too.
func (t *ARM64) System() string { return filepath.Join(t.Dir, systemName) }

// Home returns the path of a JDK in System.
func (*ARM64) Home(feature int) string {
	return fmt.Sprintf("/usr/lib/jvm/java-%d-openjdk-arm64", feature)
}

// Busybox returns the file of the package of a busybox.
func (t *ARM64) Busybox() (string, error) { return t.file("busybox-static_*") }

// Kernel returns the files of the packages of a kernel with pages of 4 or 16 KiB.
func (t *ARM64) Kernel(pageKiB int) ([]string, error) {
	flavor, ok := map[int]string{4: "arm64", 16: "arm64-16k"}[pageKiB]
	if !ok {
		return nil, fmt.Errorf("no kernel of Debian has pages of %d KiB", pageKiB)
	}
	var files []string
	for _, kind := range []string{"binary", "modules"} {
		file, err := t.file("linux-" + kind + "-*-" + flavor + "_*")
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func (t *ARM64) file(pattern string) (string, error) {
	files, err := filepath.Glob(filepath.Join(t.Dir, packagesName, pattern))
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("%d packages %s in %s", len(files), pattern, t.Dir)
	}
	if err != nil {
		return "", err
	}
	return files[0], nil
}

func buildARM64(ctx context.Context, dir string) (err error) {
	b := &builder{dir: dir + ".partial"}
	b.scratch = b.path("scratch")
	if err := os.RemoveAll(b.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }() // already renamed on success
	defer syscall.Umask(syscall.Umask(0o022))
	for _, path := range []string{b.scratch, b.path(systemName), b.path(packagesName)} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	}
	progress("download the packages for arm64")
	debs, err := download(ctx, b.scratch, "arm64", arm64Packages)
	if err != nil {
		return err
	}
	for name, deb := range debs {
		if strings.HasPrefix(name, "linux-") || name == "busybox-static" { // the others are the system
			if err := os.Rename(deb, b.path(packagesName, filepath.Base(deb))); err != nil {
				return err
			}
			delete(debs, name)
		}
	}
	progress("unpack them")
	if err := makeSystem(ctx, b.path(systemName), debs); err != nil {
		return err
	}
	if err := os.RemoveAll(b.scratch); err != nil {
		return err
	}
	return os.Rename(b.dir, dir)
}
