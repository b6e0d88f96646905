// kubectl-jvmem is a plugin of kubectl: it reads what jvmem reports about the JVMs of a
// cluster. It is a Go module of its own, so that the sidecar does not depend on Kubernetes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
