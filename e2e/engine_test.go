package e2e

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/jvmem/jvmem/e2e/cri"
	"github.com/jvmem/jvmem/e2e/docker"
	"github.com/jvmem/jvmem/e2e/pod"
)

// engine runs the containers. Its methods may be called concurrently.
type engine interface {
	Import(ctx context.Context, image string, write func(*tar.Writer) error) error
	StartPod(context.Context, pod.Options) (id string, err error)
	StopPod(ctx context.Context, id string) error
	Start(ctx context.Context, podID string, c pod.Container) (id string, err error)
	State(ctx context.Context, id string) (pod.State, error)
	Wait(ctx context.Context, id string) (pod.State, error)
	Kill(ctx context.Context, id string) error
	Logs(ctx context.Context, id string) (stdout, stderr string, err error)
	Exec(ctx context.Context, id string, command ...string) (stdout string, exitCode int, err error)
	Remove(ctx context.Context, id string) error
	CgroupDir(ctx context.Context, id string) (string, error)
	Folder() (string, error)
	Close() error
}

const (
	engineDocker     = "docker"
	engineCgroupfs   = "containerd-cgroupfs"
	engineSystemd    = "containerd-systemd"
	jvmImage         = "jvm"
	sidecarImage     = "jvmem"
	pauseImage       = "pause"
	jdkPath, appPath = "/opt/jdk", "/app" // paths in containers
)

// startEngine starts an engine and creates its images.
func startEngine(ctx context.Context, name string) (e engine, err error) {
	switch name {
	case engineDocker:
		e, err = docker.Start(*need)
	case engineCgroupfs:
		e, err = cri.Start(*need, cri.Cgroupfs)
	case engineSystemd:
		e, err = cri.Start(*need, cri.Systemd)
	default:
		err = fmt.Errorf("no engine has this name")
	}
	if err != nil {
		return nil, err
	}
	for image, write := range map[string]func(*tar.Writer) error{
		pauseImage:   addBase,
		jvmImage:     addBase,
		sidecarImage: addBinary, // nothing else: FROM scratch
	} {
		if err := e.Import(ctx, image, write); err != nil {
			return nil, errors.Join(fmt.Errorf("make image %s: %w", image, err), e.Close())
		}
	}
	return e, nil
}

func addBase(archive *tar.Writer) error { return archive.AddFS(os.DirFS(*baseDir)) }

func addBinary(archive *tar.Writer) error {
	program, err := os.ReadFile(*binary)
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: "jvmem", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return err
	}
	_, err = archive.Write(program)
	return err
}

// aPod is a pod on an engine. It is removed with its containers when the test ends.
type aPod struct {
	t      *testing.T
	engine engine
	id     string
}

func startPod(t *testing.T, e engine, o pod.Options) *aPod {
	t.Helper()
	id, err := e.StartPod(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The context of the test has ended by now.
		if err := e.StopPod(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return &aPod{t, e, id}
}

// start starts a container of the pod.
func (p *aPod) start(c pod.Container) string {
	p.t.Helper()
	id, err := p.engine.Start(p.t.Context(), p.id, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// run runs a container until it ends, and removes it.
func (p *aPod) run(c pod.Container) (stdout, stderr string, exitCode int) {
	p.t.Helper()
	id := p.start(c)
	state, err := p.engine.Wait(p.t.Context(), id)
	if err == nil {
		stdout, stderr, err = p.engine.Logs(p.t.Context(), id)
	}
	if err == nil {
		err = p.engine.Remove(p.t.Context(), id)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return stdout, stderr, state.ExitCode
}

// folder creates a folder that the user of every container can write to.
func folder(t *testing.T, e engine) string {
	t.Helper()
	dir, err := e.Folder()
	if err != nil {
		t.Fatal(err)
	}
	// The files of a test have about 100 MB.
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// makeFolder creates a folder that only this process writes to.
func makeFolder(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.Mkdir(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
