package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/docker"
)

// saved is the content of an image.
type saved struct {
	Architecture, OS string
	Config           struct {
		User         string
		Entrypoint   []string
		Cmd          []string
		Labels       map[string]string
		ExposedPorts map[string]struct{}
	}
	RootFS struct {
		Layers []string `json:"diff_ids"`
	}

	files  []tar.Header
	binary []byte // content of the last file
}

// save exports an image from Docker and reads it.
func save(t *testing.T, d *docker.Daemon, image string) *saved {
	t.Helper()
	text, err := d.Do(t.Context(), "save", image)
	if err != nil {
		t.Fatal(err)
	}
	members := make(map[string][]byte)
	err = each(strings.NewReader(text), func(h *tar.Header, content []byte) { members[h.Name] = content })
	if err != nil {
		t.Fatal(err)
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	var s saved
	if err := json.Unmarshal(members["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("docker save: %v: manifest.json is %q", err, members["manifest.json"])
	}
	if err := json.Unmarshal(members[manifest[0].Config], &s); err != nil {
		t.Fatal(err)
	}
	for _, layer := range manifest[0].Layers {
		err := each(strings.NewReader(string(members[layer])), func(h *tar.Header, content []byte) {
			s.files, s.binary = append(s.files, *h), content
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return &s
}

// each calls a function for each member of a tar archive.
func each(r io.Reader, do func(*tar.Header, []byte)) error {
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		do(h, content)
	}
}
