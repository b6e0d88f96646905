package vm

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
)

// Sizes of the disks, which are sparse files.
const (
	systemSize = "16G"
	workSize   = "16G"
)

// systemDisk returns the system disk for reading.
func (c *cache) systemDisk(ctx context.Context, g Guest) (*os.File, error) {
	prefix := g.hardware().prefix + "disk-"
	name := prefix + g.Key
	path, err := c.have(name, prefix+"*", func(folder string) error {
		root := filepath.Join(folder, "root")
		for _, from := range g.System {
			if err := link(ctx, from.Source, filepath.Join(root, from.Target)); err != nil {
				return err
			}
		}
		disk, err := os.Create(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		defer disk.Close()
		return makeDisk(ctx, disk, root, systemSize)
	})
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// workDisk returns a work disk without a name.
func (c *cache) workDisk(ctx context.Context, g Guest) (*os.File, error) {
	disk, err := c.scratch()
	if err == nil {
		err = makeDisk(ctx, disk, g.Work, workSize)
	}
	return disk, err
}

// makeDisk creates an ext4 file system with the content of a folder. It needs no journal, as
// it is not used after a crash.
func makeDisk(ctx context.Context, disk *os.File, folder, size string) error {
	_, err := do(ctx, "", disk, "mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal",
		"-E", "lazy_itable_init=1,nodiscard", "-d", folder, "/dev/fd/3", size)
	return err
}

// link copies the content of a folder to another, with hard links to its files if both are
// on one disk.
func link(ctx context.Context, from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	var a, b syscall.Stat_t
	if err := syscall.Stat(from, &a); err != nil {
		return &os.PathError{Op: "stat", Path: from, Err: err}
	}
	if err := syscall.Stat(to, &b); err != nil {
		return &os.PathError{Op: "stat", Path: to, Err: err}
	}
	how := "--link"
	if a.Dev != b.Dev {
		how = "--reflink=auto" // the default: a copy
	}
	_, err := do(ctx, "", nil, "cp", "--archive", how, from+"/.", to)
	return err
}
