package vm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	kernelPackage  = "linux-image-cloud-amd64" // depends on that of the version
	busyboxPackage = "busybox-static"
	// What the kernel's folder in the cache holds besides modules.
	kernelFile, busyboxFile = "vmlinuz", "busybox"
)

// modules are what the guest needs of the kernel, in the order of loading. A
// newer kernel may have one built in.
var modules = []string{
	"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", // disks
	"virtio-rng", // nothing waits for randomness
	"overlay",    // root file systems of containers
}

// kernel returns the folder of the kernel, its modules and a busybox. It is not
// renewed: remove it to have a newer kernel.
func (c *cache) kernel(ctx context.Context) (string, error) {
	const name = "kernel"
	return c.have(name, name, func(folder string) error {
		if err := download(ctx, folder); err != nil {
			return err
		}
		to := filepath.Join(folder, name)
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		return pick(ctx, folder, to)
	})
}

// download unpacks the packages into a folder.
func download(ctx context.Context, folder string) error {
	if _, err := do(ctx, "", nil, "apt-get", "-qq", "update"); err != nil {
		return err
	}
	text, err := do(ctx, "", nil, "apt-cache", "depends", "--important", kernelPackage)
	if err != nil {
		return err
	}
	depends := regexp.MustCompile(`(?m)^ *Depends: (linux-image-\S+)$`).FindStringSubmatch(text)
	if depends == nil {
		return fmt.Errorf("%s depends on no kernel: %s", kernelPackage, text)
	}
	if _, err := do(ctx, folder, nil, "apt-get", "-qq", "download", depends[1], busyboxPackage); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(folder, "*.deb"))
	for _, path := range packages {
		if err == nil {
			_, err = do(ctx, folder, nil, "dpkg", "-x", path, ".")
		}
	}
	return err
}

// pick moves what is needed of the packages' files. A file that is not there is
// missed by the one who reads it.
func pick(ctx context.Context, folder, to string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimSuffix(entry.Name(), ".xz")
		switch {
		case strings.HasPrefix(name, "vmlinuz-"):
			name = kernelFile
		case strings.HasSuffix(path, "/bin/busybox"):
			name = busyboxFile
		case !slices.Contains(modules, strings.TrimSuffix(name, ".ko")):
			return nil
		}
		if strings.HasSuffix(path, ".xz") {
			if _, err := do(ctx, "", nil, "unxz", path); err != nil {
				return err
			}
			path = strings.TrimSuffix(path, ".xz")
		}
		return os.Rename(path, filepath.Join(to, name))
	})
}
