package debian

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Files that the guest does not need, about 200 MB.
var systemUnused = []string{
	"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/zoneinfo", "usr/share/lintian",
	"usr/share/perl5", "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/x86_64-linux-gnu/gconv",
}

// Files that the configuration of packages would create.
var systemFiles = map[string]string{
	"etc/hostname":   "jvmem\n",
	"etc/hosts":      hosts,
	"etc/machine-id": "", // systemd uses a transient one
}

const hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost\n"

// makeSystem creates the root file system of the guest.
func makeSystem(ctx context.Context, root string, debs map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(debs)) {
		if err := unpack(ctx, debs[name], root); err != nil {
			return err
		}
	}
	if err := removeBelow(root, systemUnused); err != nil {
		return err
	}
	for _, name := range []string{"passwd", "group"} {
		if err := copyFile(filepath.Join(root, "usr/share/base-passwd", name+".master"), filepath.Join(root, "etc", name)); err != nil {
			return err
		}
	}
	if err := writeFiles(root, systemFiles); err != nil {
		return err
	}
	err := os.Symlink("../lib/systemd/systemd", filepath.Join(root, "usr/sbin/init"))
	if errors.Is(err, fs.ErrExist) { // systemd-sysv has it
		return nil
	}
	return err
}

// writeFiles writes files by their paths below a folder, in folders that exist.
func writeFiles(root string, files map[string]string) error {
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeBelow removes files and folders by their paths below a folder.
func removeBelow(root string, paths []string) error {
	for _, path := range paths {
		if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	return nil
}
