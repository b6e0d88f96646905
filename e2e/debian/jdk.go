package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// noAttachFeature is the JDK from which the JRE without attach is linked, with the modules in
// jmodsPackage.
const (
	noAttachFeature = 17
	jmodsPackage    = "openjdk-17-jdk-headless"
)

func jrePackage(feature int) string { return fmt.Sprintf("openjdk-%d-jre-headless", feature) }

// home returns the path of a JDK in Debian.
func home(feature int) string { return fmt.Sprintf("usr/lib/jvm/java-%d-openjdk-amd64", feature) }

// Files of a JDK that the tests do not need.
var jdkUnused = []string{"docs", "legal", "man", "jre/man", "lib/ct.sym", "lib/src.zip"}

func (b *builder) unpackJDKs(ctx context.Context) error {
	return each(ctx, b.jdks, func(ctx context.Context, jdk *JDK) error {
		root := filepath.Join(b.scratch, jdk.Name)
		if jdk.NoAttach {
			return unpack(ctx, b.debs[jmodsPackage], root)
		}
		if err := unpack(ctx, b.debs[jrePackage(jdk.Feature)], root); err != nil {
			return err
		}
		from := filepath.Join(root, home(jdk.Feature))
		if err := removeBelow(from, jdkUnused); err != nil {
			return err
		}
		if err := settleLinks(root, from); err != nil {
			return err
		}
		// Renaming keeps the times of the files, which the class data sharing archive
		// checks.
		return os.Rename(from, b.jdk(jdk))
	})
}

func (b *builder) jdk(jdk *JDK) string { return b.path(jdkName, jdk.Name) }

// settleLinks makes a folder of a root file system independent of the rest: a link to a file
// outside becomes that file, with its time; a link to a folder outside or to nothing is
// removed.
func settleLinks(root, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		end, info, err := follow(root, path)
		if err == nil && !filepath.IsAbs(target) && strings.HasPrefix(filepath.Join(filepath.Dir(path), target), dir+"/") {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if removed := os.Remove(path); removed != nil || err != nil || !info.Mode().IsRegular() {
			return removed
		}
		return os.Link(end, path)
	})
}

// follow returns the target of a link in a root file system.
func follow(root, path string) (string, fs.FileInfo, error) {
	for range 40 { // the limit of the kernel
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, info, err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", nil, err
		}
		if filepath.IsAbs(target) {
			path = filepath.Join(root, target)
		} else {
			path = filepath.Join(filepath.Dir(path), target)
		}
	}
	return "", nil, fmt.Errorf("%s: %w", path, syscall.ELOOP)
}
