package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jvmem/jvmem/e2e/daemon"
)

// commandTimeout is for the guest of the tests, which is some 15 times as slow
// as this machine: there the slowest, an import of some 200 MB, takes 2 s.
const commandTimeout = 5 * time.Minute

// Command returns a docker command for this daemon, whatever else the user has
// configured.
func (d *Daemon) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket(), "DOCKER_CONFIG="+d.Path("client"), "DOCKER_CONTEXT=")
	return cmd
}

// Do runs a docker command and returns what it prints, without the last line
// feed. The error holds what it complains of; an *exec.ExitError is in it.
func (d *Daemon) Do(ctx context.Context, args ...string) (string, error) {
	stdout, _, err := d.do(ctx, nil, args...)
	return strings.TrimSuffix(stdout, "\n"), err
}

func (d *Daemon) do(ctx context.Context, stdin io.Reader, args ...string) (string, string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := d.Command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), errors.Join(err, ctx.Err()), bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), stderr.String(), err
}

// Import makes an image of one layer, with what write puts into it.
func (d *Daemon) Import(ctx context.Context, image string, write func(*tar.Writer) error) error {
	archive := daemon.Archive(write)
	_, _, err := d.do(ctx, archive, "import", "-", image)
	return errors.Join(err, archive.Close())
}
