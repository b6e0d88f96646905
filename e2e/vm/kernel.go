package vm

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	kernelPackage  = "linux-image-cloud-amd64" // depends on the package of the version
	busyboxPackage = "busybox-static"
	// Files in the kernel's folder of the cache, besides modules.
	kernelFile, busyboxFile = "vmlinuz", "busybox"
)

// modules are the modules that the guest needs, in the order of loading. Newer kernels may
// have some of them built in.
var modules = []string{
	"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", // disks
	"virtio-rng",                   // entropy
	"overlay",                      // root file systems of containers
	"llc", "stp", "bridge", "veth", // networks of pods
}

// kernel returns the folder with the kernel, its modules and a busybox. Remove it to get a
// newer kernel.
func (c *cache) kernel(ctx context.Context) (string, error) {
	// An older one may lack modules.
	name := fmt.Sprintf("kernel-%.6x", sha256.Sum256(fmt.Append(nil, modules)))
	return c.have(name, "kernel*", func(folder string) error {
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

// pick moves the needed files of the packages. A missing file fails where it is read.
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
