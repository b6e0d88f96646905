package cri

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// reference returns the full name of an image.
func reference(image string) string { return "docker.io/library/" + image + ":latest" }

// Import creates an image of one layer, which write fills. Its default command sleeps
// forever, which containerd runs for the image pause; other containers set a command.
func (r *Runtime) Import(ctx context.Context, image string, write func(*tar.Writer) error) (err error) {
	// In a file, as containerd needs its digest and size first.
	layer, err := os.CreateTemp(r.Path("shared"), "layer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, layer.Close(), os.Remove(layer.Name())) }()
	digest := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(layer, digest))
	if err := errors.Join(write(archive), archive.Close()); err != nil {
		return err
	}
	if err := r.load(ctx, image, layer, fmt.Sprintf("sha256:%x", digest.Sum(nil))); err != nil {
		return err
	}
	return r.awaitImage(ctx, image)
}

// load imports an image in the format of `docker save`.
func (r *Runtime) load(ctx context.Context, image string, layer *os.File, digest string) error {
	type object map[string]any
	config, err := json.Marshal(object{
		"os": runtime.GOOS, "architecture": runtime.GOARCH,
		"config": object{"Entrypoint": []string{"/bin/sleep", "infinity"}},
		"rootfs": object{"type": "layers", "diff_ids": []string{digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]object{{"Config": "config", "RepoTags": []string{reference(image)}, "Layers": []string{"layer"}}})
	if err != nil {
		return err
	}
	size, err := layer.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	archive := daemon.Archive(func(archive *tar.Writer) error {
		return errors.Join(
			addFile(archive, "manifest.json", int64(len(manifest)), bytes.NewReader(manifest)),
			addFile(archive, "config", int64(len(config)), bytes.NewReader(config)),
			addFile(archive, "layer", size, io.NewSectionReader(layer, 0, size)))
	})
	cmd := exec.CommandContext(ctx, "ctr", "--address", r.socket(), "--namespace", "k8s.io", "images", "import", "-")
	cmd.Stdin = archive
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("ctr images import: %w\n%s", err, out)
	}
	return errors.Join(err, archive.Close())
}

func addFile(archive *tar.Writer, name string, size int64, from io.Reader) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(archive, from)
	return err
}

// awaitImage returns when an imported image is visible through CRI.
func (r *Runtime) awaitImage(ctx context.Context, image string) error {
	for end := time.Now().Add(callTimeout); ; time.Sleep(pollInterval) {
		response, err := r.images.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: reference(image)}})
		switch {
		case err != nil || response.Image != nil:
			return err
		case time.Now().After(end):
			return fmt.Errorf("image %s is not visible after %v", image, callTimeout)
		}
	}
}
