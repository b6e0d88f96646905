package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// kit is a folder with all files that a node is made from, beside the programs of containerd
// and runc, which are this machine's.
type kit string

const (
	// ProgramFolder of a kit may be a link.
	ProgramFolder = "programs"
	imageFile     = "images.tar"
)

func (k kit) binaries() binaries { return binaries(filepath.Join(string(k), ProgramFolder)) }
func (k kit) images() string     { return filepath.Join(string(k), imageFile) }

// MakeKit writes what a node of the repository in root is made from to an empty folder. It
// builds what this machine does not have yet.
func MakeKit(ctx context.Context, root, dir string) error {
	programs, err := getBinaries(ctx, root)
	if err != nil {
		return err
	}
	k := kit(dir)
	if err := os.Symlink(string(programs), string(k.binaries())); err != nil {
		return err
	}
	if err := k.makeImages(ctx, root); err != nil {
		return fmt.Errorf("images: %w", err)
	}
	return nil
}
