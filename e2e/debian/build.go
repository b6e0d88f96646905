package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Parts of a tree.
const (
	systemName = "system"
	baseName   = "base"
	jdkName    = "jdk"
)

// The packages for the guest and containers; debootstrap adds the essential ones.
var systemPackages = []string{"systemd", "containerd", "runc", "crun", "libstdc++6", "libgcc-s1", "zlib1g", "libjemalloc2"}

// The JDKs that must exist, and at least one newer.
var required = []int{8, 11, 17, 21, 25}

// builder builds a tree.
type builder struct {
	dir     string // of the tree
	scratch string // in dir, until it is complete
	debs    map[string]string
	jdks    []*JDK
}

// build builds a tree. Its folder appears when it is complete; remains of earlier builds are
// removed first. The caller holds the lock.
func build(ctx context.Context, dir string) (err error) {
	b := &builder{dir: dir + ".partial"}
	b.scratch = b.path("scratch")
	for _, path := range []string{dir, b.dir} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }() // already renamed on success
	defer syscall.Umask(syscall.Umask(0o022))                      // readable for the users of containers
	for _, path := range []string{b.scratch, b.path(systemName), b.path(jdkName)} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	}
	start := time.Now()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"download the system", b.downloadSystem},
		{"download the JDKs, unpack the system", b.downloadJDKs},
		{"unpack the JDKs", b.unpackJDKs},
		{"make the root file system of containers", b.makeBase},
		{"try the JDKs", b.tryJDKs},
	} {
		progress("%2.0f s: %s", time.Since(start).Seconds(), step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if err := os.RemoveAll(b.scratch); err != nil {
		return err
	}
	progress("%2.0f s: %s is complete", time.Since(start).Seconds(), dir)
	return os.Rename(b.dir, dir)
}

func (b *builder) path(names ...string) string {
	return filepath.Join(append([]string{b.dir}, names...)...)
}

func (b *builder) downloadSystem(ctx context.Context) (err error) {
	b.debs, err = download(ctx, b.scratch, "amd64", systemPackages)
	return err
}

// downloadJDKs also unpacks the system meanwhile, as a CPU is idle.
func (b *builder) downloadJDKs(ctx context.Context) error {
	features, err := available(b.scratch)
	if err != nil {
		return err
	}
	packages := []string{jmodsPackage}
	for _, feature := range features {
		packages = append(packages, jrePackage(feature))
		b.jdks = append(b.jdks, &JDK{Name: fmt.Sprint(feature), Feature: feature})
		if feature == noAttachFeature {
			b.jdks = append(b.jdks, &JDK{Name: fmt.Sprint(feature, "-no-attach"), Feature: feature, NoAttach: true})
		}
	}
	system := b.debs
	return each(ctx, []func(context.Context) error{
		func(ctx context.Context) error { return makeSystem(ctx, b.path(systemName), system) },
		func(ctx context.Context) (err error) {
			b.debs, err = download(ctx, b.scratch, "amd64", packages)
			return err
		},
	}, func(ctx context.Context, do func(context.Context) error) error { return do(ctx) })
}
