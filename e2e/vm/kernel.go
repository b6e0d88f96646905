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

// kernel returns the folder with the kernel, its modules and a busybox. Remove it to get a
// newer kernel of this machine's Debian.
func (c *cache) kernel(ctx context.Context, g Guest) (string, error) {
	// An older one may lack modules.
	modules := g.hardware().modules
	name, others, get := fmt.Sprintf("kernel-%.6x", sha256.Sum256(fmt.Append(nil, modules))), "kernel*", download
	if g.Kernel != nil {
		others = g.hardware().prefix + "kernel-" + g.Kernel.Name + "-"
		name = fmt.Sprintf("%s%.6x", others, sha256.Sum256(fmt.Append(nil, modules, g.Kernel.Files)))
		others += "*"
		get = g.Kernel.unpack
	}
	return c.have(name, others, func(folder string) error {
		if err := get(ctx, folder); err != nil {
			return err
		}
		to := filepath.Join(folder, name)
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		return pick(ctx, folder, to, modules)
	})
}

// unpack unpacks the packages into a folder, and copies the other files.
func (k *Kernel) unpack(ctx context.Context, folder string) error {
	for _, file := range k.Files {
		command := []string{"dpkg", "-x", file, "."}
		if !strings.HasSuffix(file, ".deb") {
			command = []string{"cp", file, "."}
		}
		if _, err := do(ctx, folder, nil, command[0], command[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// download unpacks the packages of this machine's Debian into a folder.
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
	return fetch(ctx, folder, depends[1], busyboxPackage)
}

// fetch downloads packages to a folder and unpacks them there.
func fetch(ctx context.Context, folder string, names ...string) error {
	if _, err := do(ctx, folder, nil, "apt-get", append([]string{"-qq", "download"}, names...)...); err != nil {
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
func pick(ctx context.Context, folder, to string, modules []string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimSuffix(entry.Name(), ".xz")
		switch {
		case name == kernelFile, strings.HasPrefix(name, kernelFile+"-"):
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
