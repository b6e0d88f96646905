package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/e2e/docker"
)

// daemon is the Docker that all tests share: TestMain has no other way to hand it on.
var daemon *docker.Daemon

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var err error
	if daemon, err = docker.Start("../.ci/need"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() {
		if err := daemon.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			code = 1
		}
	}()
	if err := makeImages(ctx, daemon); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	done := make(chan int)
	go func() { done <- m.Run() }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done(): // the tests end with the process
		return 130
	}
}
