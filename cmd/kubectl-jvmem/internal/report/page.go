package report

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

func newPage(access *kube.Access) *cobra.Command {
	o := &options{Access: access}
	var port int
	var open bool
	c := &cobra.Command{
		Use:   "page POD",
		Short: "Open the page of jvmem for a pod",
		Long:  "Forward a local port to jvmem in a pod and print the address of its page, until you press Ctrl-C.\n\n" + sidecarNote,
		Example: `  # Print the address of the page
  kubectl jvmem page orders-7c9f6b5d4-x2x7q

  # Open it in the browser
  kubectl jvmem page orders-7c9f6b5d4-x2x7q --open`,
		RunE: func(c *cobra.Command, args []string) error { return o.page(c.Context(), args[0], port, open) },
	}
	o.finish(c, true)
	c.Flags().IntVar(&port, "port", 0, "local port; 0: a free one")
	c.Flags().BoolVar(&open, "open", false, "open the page in the browser")
	c.Flags().DurationVar(&o.newLasts, "for", defaultPageFor, "how long a new ephemeral container observes")
	return c
}

func (o *options) page(ctx context.Context, name string, port int, open bool) error {
	return o.run(ctx, name, "", port, func(ctx context.Context, conn *connection) error {
		for shown := false; ; shown = true {
			address := conn.url() + "/"
			if !shown {
				fmt.Fprintf(o.Out, "%s\n", address)
				fmt.Fprintln(o.ErrOut, "Press Ctrl-C to end.")
			}
			if open && !shown {
				if err := browse(ctx, address); err != nil {
					fmt.Fprintf(o.ErrOut, "The browser could not be opened: %v\n", err)
				}
			}
			conn.local = int(conn.forwarding.Port) // also after the connection broke
			err := conn.forwarding.Wait()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // Ctrl-C is the way to end it
			}
			fmt.Fprintf(o.ErrOut, "The connection broke (%v): connecting again.\n", err)
			if err := conn.open(ctx); err != nil {
				return err
			}
		}
	})
}

// browse starts the browser of the desktop.
func browse(ctx context.Context, address string) error {
	program := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		program = []string{"open"}
	case "windows":
		program = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	return exec.CommandContext(context.WithoutCancel(ctx), program[0], append(program[1:], address)...).Run()
}
