package vm

import (
	"context"
	"crypto/sha256"
	_ "embed" // the configuration
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
)

// kernelSource is a package of Debian 12.
const kernelSource = "linux-source-6.1"

//go:embed kernel64.config
var config64 string

// Build64 returns the file of a kernel for arm64 with pages of 64 KiB, of which Debian has only
// the source. It builds it if there is none of this version and configuration in the cache, which
// needs 2 GiB of disk. need is as for Run.
func Build64(ctx context.Context, need string) (string, error) {
	err := install(ctx, need, [2]string{
		"aarch64-linux-gnu-gcc gcc make flex bison bc apt-get apt-cache dpkg tar xz",
		"gcc-aarch64-linux-gnu gcc libc6-dev make flex bison bc apt dpkg tar xz-utils",
	})
	if err != nil {
		return "", err
	}
	version, err := sourceVersion(ctx)
	if err != nil {
		return "", err
	}
	c, err := openCache(ctx, "vm-build") // guests that need no build don't wait for it
	if err != nil {
		return "", err
	}
	defer c.lock.Close()
	name := fmt.Sprintf("vmlinuz-64k-%s-%.6x", version, sha256.Sum256([]byte(config64)))
	path, err := c.have(name, "vmlinuz-64k-*", func(folder string) error {
		fmt.Fprintf(os.Stderr, "vm: build %s %s with pages of 64 KiB\n", kernelSource, version)
		return build(ctx, folder, version, filepath.Join(folder, name))
	})
	if err != nil {
		return "", fmt.Errorf("build %s %s: %w", kernelSource, version, err)
	}
	return path, nil
}

// sourceVersion returns the version that apt would download.
func sourceVersion(ctx context.Context) (string, error) {
	text, err := do(ctx, "", nil, "apt-cache", "show", "--no-all-versions", kernelSource)
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^Version: (\S+)$`).FindStringSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("apt-cache: %s has no version: %s", kernelSource, text)
	}
	return version[1], nil
}

// build builds the kernel in a folder and moves it to image.
func build(ctx context.Context, folder, version, image string) error {
	if err := fetch(ctx, folder, kernelSource+"="+version); err != nil {
		return err
	}
	config := filepath.Join(folder, "config")
	if err := os.WriteFile(config, []byte(config64), 0o600); err != nil {
		return err
	}
	source := filepath.Join(folder, kernelSource)
	kbuild := []string{"make", "-C", source, "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"}
	for _, args := range [][]string{
		{"tar", "-C", folder, "-xf", filepath.Join(folder, "usr/src", kernelSource+".tar.xz")},
		append(slices.Clone(kbuild), "allnoconfig", "KCONFIG_ALLCONFIG="+config),
		append(kbuild, "Image", fmt.Sprintf("-j%d", runtime.NumCPU())),
	} {
		if _, err := do(ctx, "", nil, "nice", args...); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(source, "arch/arm64/boot/Image"), image)
}
