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
)

// Command returns a docker command for this daemon, whatever else the user has
// configured.
func (d *Daemon) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket(), "DOCKER_CONFIG="+d.path("client"), "DOCKER_CONTEXT=")
	return cmd
}

// Do runs a docker command and returns what it prints, without the last line
// feed. The error holds what it complains of; an *exec.ExitError is in it.
func (d *Daemon) Do(ctx context.Context, args ...string) (string, error) {
	return d.do(ctx, nil, args...)
}

func (d *Daemon) do(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := d.Command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), errors.Join(err, ctx.Err()), bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSuffix(stdout.String(), "\n"), err
}

// Import makes an image of one layer, with what write puts into it. changes are
// lines of a Dockerfile, such as ENTRYPOINT.
func (d *Daemon) Import(ctx context.Context, image string, changes []string, write func(*tar.Writer) error) error {
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	read, pipe := io.Pipe()
	go func() {
		archive := tar.NewWriter(pipe)
		err := write(archive)
		if err == nil {
			err = archive.Close()
		}
		pipe.CloseWithError(err) // nil: the end of the file
	}()
	_, err := d.do(ctx, read, append(args, "-", image)...)
	return errors.Join(err, read.Close())
}
