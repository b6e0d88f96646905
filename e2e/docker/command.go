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

// commandTimeout is for the guest, which is about 15 times slower than this machine, where
// the slowest command, an import of 200 MB, takes 2 s.
const commandTimeout = 5 * time.Minute

// Command returns a docker command for this daemon, regardless of the configuration of the
// user.
func (d *Daemon) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket(), "DOCKER_CONFIG="+d.Path("client"), "DOCKER_CONTEXT=")
	return cmd
}

// Do runs a docker command and returns its stdout without the last line feed. The error has
// its stderr and wraps an *exec.ExitError.
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

// Import creates an image of one layer, which write fills.
func (d *Daemon) Import(ctx context.Context, image string, write func(*tar.Writer) error) error {
	archive := daemon.Archive(write)
	_, _, err := d.do(ctx, archive, "import", "-", image)
	return errors.Join(err, archive.Close())
}
