package node

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jvmem/jvmem/e2e/debian"
)

// The images of a node. No registry has them, so a pod must not pull them always.
const (
	// JvmemRepository is the value image.repository.
	JvmemRepository = "registry.test/jvmem"
	// App runs ../app on JDK 21 as root, AppUser as the user 1000.
	App     = "registry.test/app:root"
	AppUser = "registry.test/app:user"
	// Version is the tag of the image of jvmem: the appVersion of the chart.
	Version = "0.1.0"

	pause   = "registry.test/pause:1"
	busybox = "docker.io/library/busybox:1.37"
	jdk     = "21"
)

// image is an image with its names.
type image struct {
	names  []string
	layers []layer
	config config
}

type config struct {
	User         string `json:",omitempty"`
	Entrypoint   []string
	Cmd          []string            `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
}

// importImages imports the images of the kit.
func (n *Node) importImages(ctx context.Context) error {
	if out, err := n.ctr(ctx, "images", "import", n.kit.images()).CombinedOutput(); err != nil {
		return fmt.Errorf("ctr images import: %w\n%s", err, out)
	}
	return nil
}

// makeImages makes all images, as one archive of `docker save`.
func (k kit) makeImages(ctx context.Context, root string) (err error) {
	tree, err := debian.Get(ctx, needScript(root))
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(string(k), "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	compiled := filepath.Join(scratch, "classes")
	for name, command := range map[string]*exec.Cmd{
		"jvmem": exec.CommandContext(ctx, "make", "--no-print-directory", "build"),
		"app":   exec.CommandContext(ctx, "javac", "--release", "17", "-d", compiled, filepath.Join(root, "e2e/cluster/app/App.java")),
	} {
		command.Dir = root
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	var errs []error
	newLayer := func(name string, write func(layerWriter) error) layer {
		l, err := newLayer(filepath.Join(scratch, name), write)
		errs = append(errs, err)
		return l
	}
	base := newLayer("base", func(w layerWriter) error { return w.tree(tree.Base(), "") })
	java := newLayer("jdk", func(w layerWriter) error { return w.tree(filepath.Join(tree.JDKFolder(), jdk), "opt/jdk") })
	classes := newLayer("app", func(w layerWriter) error { return w.tree(compiled, "app") })
	tools := newLayer("busybox", k.writeBusybox)
	jvmem := newLayer("jvmem", func(w layerWriter) error { return w.program("jvmem", filepath.Join(root, "bin/jvmem")) })
	first := newLayer("pause", func(w layerWriter) error { return w.program("pause", filepath.Join(k.binaries().bin(), "pause")) })
	if err := errors.Join(errs...); err != nil {
		return err
	}
	app := config{Entrypoint: []string{"java", "-cp", "/app", "App"}, Env: []string{"PATH=/opt/jdk/bin:/bin"}}
	user := app
	user.User = "1000:1000"
	return k.save([]image{
		{[]string{pause}, []layer{first}, config{Entrypoint: []string{"/pause"}, User: "65535:65535"}},
		{[]string{busybox}, []layer{base, tools}, config{Cmd: []string{"sh"}, Env: []string{"PATH=/bin"}}},
		{[]string{JvmemRepository + ":" + Version}, []layer{jvmem}, config{
			Entrypoint: []string{"/jvmem"}, User: "65532:65532", ExposedPorts: map[string]struct{}{"9753/tcp": {}}}},
		// The names that the examples of the chart have.
		{[]string{App, "example.org/payments:1.0.0", "example.org/orders:1.0.0", "example.org/shop:1.0.0"}, []layer{base, tools, java, classes}, app},
		{[]string{AppUser}, []layer{base, tools, java, classes}, user},
	})
}

// writeBusybox writes the programs that the tests and `helm test` use, beside a shell that is
// not busybox: its own would not look for another wget.
func (k kit) writeBusybox(w layerWriter) error {
	// Debian's busybox crashes with -T.
	const wget = `#!/bin/sh
for a; do
	shift
	[ "$skip" ] && { skip=; continue; }
	[ "$a" = -T ] && { skip=1; continue; }
	set -- "$@" "$a"
done
exec /bin/busybox wget "$@"
`
	err := errors.Join(
		w.program("bin/busybox", k.binaries().file(busyboxFile)),
		w.file("bin/wget", strings.NewReader(wget), int64(len(wget))))
	for _, name := range []string{"id", "ls", "ps"} {
		err = errors.Join(err, w.link("bin/"+name, "busybox"))
	}
	return err
}

// save writes the archive.
func (k kit) save(images []image) (err error) {
	type object map[string]any
	var manifest []object
	files := map[string][]byte{}
	layers := map[string]layer{}
	for i, image := range images {
		var digests, members []string
		for _, l := range image.layers {
			digests, members = append(digests, l.digest), append(members, filepath.Base(l.path))
			layers[filepath.Base(l.path)] = l
		}
		text, err := json.Marshal(object{
			"os": "linux", "architecture": runtime.GOARCH, "config": image.config,
			"rootfs": object{"type": "layers", "diff_ids": digests},
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("config-%d.json", i)
		files[name] = text
		manifest = append(manifest, object{"Config": name, "RepoTags": image.names, "Layers": members})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	files["manifest.json"] = text
	file, err := os.Create(k.images())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := layerWriter{tar.NewWriter(file)}
	for name, text := range files {
		if err := w.file(name, bytes.NewReader(text), int64(len(text))); err != nil {
			return err
		}
	}
	for name, l := range layers {
		if err := addLayer(w, name, l); err != nil {
			return err
		}
	}
	return w.Close()
}

func addLayer(w layerWriter, name string, l layer) error {
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer file.Close()
	return w.file(name, io.LimitReader(file, l.bytes), l.bytes)
}
