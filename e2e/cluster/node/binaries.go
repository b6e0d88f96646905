package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// recipe must be increased if the same versions result in other files.
	recipe = 1
	// kubernetesVersion is what the programs report. ../binaries/go.mod has the same.
	kubernetesVersion = "1.37.2"
	// Names in the cache.
	folderPrefix, lockFile = "kubernetes-", "lock"
)

// The programs by their import paths.
var programs = map[string]string{
	"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
	"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
	"kube-scheduler":          "k8s.io/kubernetes/cmd/kube-scheduler",
	"kubelet":                 "k8s.io/kubernetes/cmd/kubelet",
	"kubectl":                 "k8s.io/kubernetes/cmd/kubectl",
	"helm3":                   "helm.sh/helm/v3/cmd/helm",
	"helm":                    "helm.sh/helm/v4/cmd/helm",
}

// binaries is a folder with the programs and the unpacked Debian packages.
type binaries string

func (b binaries) bin() string      { return filepath.Join(string(b), "bin") }
func (b binaries) packages() string { return filepath.Join(string(b), "packages") }

// file returns the path of a file of a package.
func (b binaries) file(name string) string { return filepath.Join(b.packages(), name) }

// Build builds what a node of the repository in root needs and this machine does not have yet.
func Build(ctx context.Context, root string) error {
	_, err := getBinaries(ctx, root)
	return err
}

// getBinaries returns the folder on this machine; it builds what is missing.
func getBinaries(ctx context.Context, root string) (binaries, error) {
	module := filepath.Join(root, "e2e/cluster/binaries")
	key := sha256.New()
	fmt.Fprintln(key, recipe, kubernetesVersion, programs, packages)
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		key.Write(text)
	}
	dir, err := os.UserCacheDir()
	if err != nil { // no HOME, as for a service
		dir = "/var/cache"
	}
	dir = filepath.Join(dir, "jvmem-e2e", fmt.Sprintf(folderPrefix+"%s-%.6x", kubernetesVersion, key.Sum(nil)))
	for _, sub := range []string{"bin", "packages"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	lock, err := lock(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	b := binaries(dir)
	if err := b.unpack(ctx, needScript(root)); err != nil {
		return "", err
	}
	return b, errors.Join(b.build(ctx, module), removeUnused(filepath.Dir(dir)))
}

// removeUnused removes the folders, of 700 MB each, of versions that were not used for a day.
func removeUnused(cache string) error {
	locks, err := filepath.Glob(filepath.Join(cache, folderPrefix+"*", lockFile))
	for _, path := range locks {
		// Who locks it truncates it.
		if info, statErr := os.Stat(path); statErr == nil && time.Since(info.ModTime()) > 24*time.Hour {
			err = errors.Join(err, os.RemoveAll(filepath.Dir(path)))
		}
	}
	return err
}

// needScript installs Debian packages.
func needScript(root string) string { return filepath.Join(root, ".ci/need") }

// build builds the programs that are missing, each of which appears when it is complete.
// The compiler leaves the CPU to others.
func (b binaries) build(ctx context.Context, module string) error {
	flags := "-s -w"
	for _, name := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		major, minor, _ := strings.Cut(kubernetesVersion[:strings.LastIndex(kubernetesVersion, ".")], ".")
		flags += fmt.Sprintf(" -X %s.gitVersion=v%s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", name, kubernetesVersion, major, minor)
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		path, to := programs[name], filepath.Join(b.bin(), name)
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		progress("building %s %s: minutes, once", name, path)
		start := time.Now()
		cmd := exec.CommandContext(ctx, "nice", "-n", "19", "go", "build", "-p", "2", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", to+".partial", path)
		cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, errors.Join(err, ctx.Err()), out)
		}
		if err := os.Rename(to+".partial", to); err != nil {
			return err
		}
		progress("built %s in %.0f s", name, time.Since(start).Seconds())
	}
	return b.buildPause(ctx, module)
}

// buildPause compiles the first process of each pod from Kubernetes' own source.
func (b binaries) buildPause(ctx context.Context, module string) error {
	to := filepath.Join(b.bin(), "pause")
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes")
	list.Dir = module
	dir, err := list.Output()
	if err != nil {
		return fmt.Errorf("find the source of pause: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(dir)), "build/pause/linux/pause.c")
	if out, err := exec.CommandContext(ctx, "gcc", "-static", "-O2", "-s", "-o", to+".partial", source).CombinedOutput(); err != nil {
		return fmt.Errorf("compile pause: %w\n%s", err, out)
	}
	return os.Rename(to+".partial", to)
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...) }
