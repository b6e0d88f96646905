// Command run runs the cluster of the tests until it is interrupted, to try something in it by
// hand:
//
//	go run ./cluster/run
//
// It prints the command that opens a shell in the cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	root := flag.String("root", "..", "root of the repository")
	build := flag.Bool("build", false, "only build the programs that this machine does not have yet")
	flag.Parse()
	path, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	if *build {
		return node.Build(ctx, path)
	}
	n, err := node.Start(ctx, node.Options{
		Root:   path,
		Report: func(step string, took time.Duration) { fmt.Printf("%5.1f s  %s\n", took.Seconds(), step) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	shell := n.Command(ctx, "bash")
	fmt.Printf("\nThe cluster runs until this command is interrupted. A shell in its network:\n\n  env '%s' %s\n\n",
		strings.Join(n.Env(), "' '"), strings.Join(shell.Args, " "))
	<-ctx.Done()
	return nil
}
