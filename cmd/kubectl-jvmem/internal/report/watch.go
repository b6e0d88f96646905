package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const (
	watchInterval = 5 * time.Second
	clearLine     = "\r\x1b[K"
	mib           = 1 << 20
)

// diagnosis has the fields of jvmem.diagnosis/v1 that are needed here.
type diagnosis struct {
	Containers []struct {
		Name    string `json:"name"`
		Verdict string `json:"verdict"`
	} `json:"containers"`
}

// watch lets jvmem observe for the time that was requested. On a terminal it shows the usage
// and the verdict so far.
func (o *options) watch(ctx context.Context, conn *connection) error {
	end := time.Now().Add(o.lasts)
	file, _ := o.ErrOut.(*os.File)
	terminal := file != nil && term.IsTerminal(int(file.Fd()))
	if !terminal {
		fmt.Fprintf(o.ErrOut, "Observing for %s.\n", o.lasts)
	}
	for {
		var b breakdown
		var d diagnosis
		err := conn.decode(ctx, "/breakdown?format=json", &b)
		if err == nil {
			err = b.check(o.container)
		}
		if err == nil {
			err = conn.decode(ctx, "/diagnosis?format=json", &d)
		}
		if err != nil {
			return o.explainEnd(ctx, conn, err)
		}
		left := time.Until(end)
		if terminal {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil {
				width = 80
			}
			fmt.Fprint(file, clearLine+cut(progress(o.lasts-left, o.lasts, &b, &d, o.container), width-1))
			if left <= 0 {
				fmt.Fprint(file, clearLine)
			}
		}
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(watchInterval, left)):
		}
	}
}

// progress returns the line for a terminal.
func progress(passed, lasts time.Duration, b *breakdown, d *diagnosis, container string) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s of %s", min(passed, lasts).Round(time.Second), lasts)
	for i := range b.Containers {
		c := &b.Containers[i]
		if container != "" && c.Name != container {
			continue
		}
		usage := c.UsageBytes
		if c.Now != nil {
			usage = c.Now.UsageBytes
		}
		fmt.Fprintf(&line, "   %s %s", c.Name, size(usage))
		if c.LimitBytes != nil {
			fmt.Fprintf(&line, " of %s", size(c.LimitBytes))
		}
		for j := range d.Containers {
			if d.Containers[j].Name == c.Name {
				line.WriteString(", " + d.Containers[j].Verdict)
			}
		}
	}
	return line.String()
}

func size(bytes *int64) string {
	if bytes == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f MiB", float64(*bytes)/mib)
}

// cut shortens a line, so that the terminal does not wrap it.
func cut(line string, width int) string {
	if r := []rune(line); width > 0 && len(r) > width {
		return string(r[:width])
	}
	return line
}

// explainEnd adds to an error how the container ended, if it did: its end also ends the
// ephemeral container in its process namespace.
func (o *options) explainEnd(ctx context.Context, conn *connection, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	pod, podErr := conn.client.CoreV1().Pods(conn.client.Namespace).Get(ctx, conn.pod, metav1.GetOptions{})
	if podErr != nil {
		return errors.Join(err, podErr)
	}
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if text := ended(s); text != "" && s.Name != sidecar.Name && (o.container == "" || s.Name == o.container) {
			err = fmt.Errorf("%w\n  container %s ended%s", err, s.Name, text)
		}
	}
	return err
}
