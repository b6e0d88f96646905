package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"go/version"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/docker"
)

const (
	root     = "../.."
	need     = root + "/.ci/need"
	maxBytes = 14e6
	builder  = "builder"
)

func TestImage(t *testing.T) {
	d, err := docker.Start(need)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	modules, err := fetchModules(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Import(t.Context(), builder, addBuilder(t.Context(), modules)); err != nil {
		t.Fatal(err)
	}
	if err := d.Import(t.Context(), base, addBase); err != nil {
		t.Fatal(err)
	}
	const image = "jvmem:buildkit"
	build(t, d, image, builder, true)
	first := save(t, d, image)
	t.Run("content", func(t *testing.T) { testContent(t, first) })
	t.Run("in a pod", func(t *testing.T) { testPod(t, d, image) })
	t.Run("reproducible", func(t *testing.T) { testReproducible(t, d, first) })
	t.Run("arm64", func(t *testing.T) { testARM64(t, d) })
}

// build runs `make image` without a network.
func build(t *testing.T, d *docker.Daemon, image, builder string, buildKit bool, flags ...string) {
	t.Helper()
	client := d.Command(t.Context())
	flags = append(flags, "--network=none", "--build-arg=BUILDER="+builder)
	cmd := exec.CommandContext(t.Context(), "make", "-C", root, "image", "DOCKER="+client.Path, "IMAGE="+image, "IMAGE_FLAGS="+strings.Join(flags, " "))
	cmd.Env = append(client.Env, "MAKEFLAGS=", fmt.Sprintf("DOCKER_BUILDKIT=%d", map[bool]int{true: 1}[buildKit]))
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make image: %v\n%s\n%s", err, out, d.Log())
	}
	t.Logf("%s: %.0f s", image, time.Since(start).Seconds())
}

// testContent checks the only file and the configuration of the image.
func testContent(t *testing.T, s *saved) {
	if s.OS != "linux" || s.Architecture != "amd64" {
		t.Errorf("the image is for %s/%s", s.OS, s.Architecture)
	}
	if len(s.files) != 1 || s.files[0].Name != "jvmem" || s.files[0].Mode&0o7777 != 0o755 || s.files[0].Uid != 0 {
		t.Errorf("the image has %+v, want only /jvmem, owned by root", s.files)
	}
	if len(s.binary) > maxBytes {
		t.Errorf("the binary has %d bytes, want at most %.0f", len(s.binary), maxBytes)
	}
	c := s.Config
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/jvmem"}) || len(c.Cmd) != 0 {
		t.Errorf("it runs %v %v as %s", c.Entrypoint, c.Cmd, c.User)
	}
	if ports := slices.Collect(maps.Keys(c.ExposedPorts)); !slices.Equal(ports, []string{"9753/tcp"}) {
		t.Errorf("it exposes %v", ports)
	}
	for label, pattern := range map[string]string{
		"title": `^jvmem$`, "description": `JVM`, "source": `^https://github\.com/jvmem/jvmem$`, "licenses": `^Apache-2\.0$`,
		"version":  "^" + regexp.QuoteMeta(describe(t, "describe", "--always", "--dirty")) + "$",
		"revision": "^" + describe(t, "rev-parse", "HEAD") + "$",
		"created":  "^" + regexp.QuoteMeta(describe(t, "log", "-1", "--format=%cI")) + "$",
	} {
		label = "org.opencontainers.image." + label
		if !regexp.MustCompile(pattern).MatchString(c.Labels[label]) {
			t.Errorf("label %s is %q, want %s", label, c.Labels[label], pattern)
		}
	}
}

func describe(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// testReproducible checks that `make build`, which compiles in another folder, creates the
// same binary, and a build without BuildKit the same layer.
func testReproducible(t *testing.T, d *docker.Daemon, first *saved) {
	const image, warm = "jvmem:classic", "warm"
	build(t, d, warm, builder, true, "--target=build") // includes the build cache, to save time
	build(t, d, image, warm, false)
	second := save(t, d, image)
	if !bytes.Equal(first.binary, second.binary) {
		t.Error("another build creates another binary")
	}
	if !slices.Equal(first.RootFS.Layers, second.RootFS.Layers) {
		t.Errorf("another build creates layers %v, not %v: %+v, %+v", second.RootFS.Layers, first.RootFS.Layers, second.files, first.files)
	}
	if !maps.Equal(first.Config.Labels, second.Config.Labels) {
		t.Errorf("another build has labels %v, not %v", second.Config.Labels, first.Config.Labels)
	}
	if out, err := exec.CommandContext(t.Context(), "make", "-C", root, "build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	if built, err := os.ReadFile(root + "/bin/jvmem"); err != nil || !bytes.Equal(built, first.binary) {
		t.Errorf("make build and make image create different binaries: %v", err)
	}
}

// testARM64 builds for another platform and runs the binary.
func testARM64(t *testing.T, d *docker.Daemon) {
	const image = "jvmem:arm64"
	build(t, d, image, builder, true, "--platform=linux/arm64")
	s := save(t, d, image)
	if s.Architecture != "arm64" || len(s.binary) > maxBytes {
		t.Errorf("the image is for %s and its binary has %d bytes", s.Architecture, len(s.binary))
	}
	file, err := elf.NewFile(bytes.NewReader(s.binary))
	if err != nil {
		t.Fatal(err)
	}
	if libraries, err := file.ImportedLibraries(); file.Machine != elf.EM_AARCH64 || len(libraries) > 0 {
		t.Errorf("the binary is for %v, with libraries %v, %v", file.Machine, libraries, err)
	}
	program := filepath.Join(t.TempDir(), "jvmem")
	if err := os.WriteFile(program, s.binary, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "qemu-aarch64", program, "version").CombinedOutput()
	if want := "jvmem " + describe(t, "describe", "--always", "--dirty") + "\n"; err != nil || string(out) != want {
		t.Errorf("jvmem version on arm64: %v: %q, want %q", err, out, want)
	}
}

// TestBuilderVersion checks that the builder of the Dockerfile is new enough for go.mod: a
// golang image does not download another Go.
func TestBuilderVersion(t *testing.T) {
	find := func(file, pattern string) string {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s: no %s", file, pattern)
		}
		return "go" + string(found[1])
	}
	has, wants := find("Dockerfile", `(?m)^ARG BUILDER=golang:(\d+\.\d+\.\d+)`), find("go.mod", `(?m)^go (\S+)$`)
	if version.Compare(has, wants) < 0 {
		t.Errorf("the Dockerfile builds with %s, go.mod requires %s", has, wants)
	}
}
