package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
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
		Summary string `json:"summary"`
	} `json:"containers"`
}

// blind reports whether jvmem may not read a JVM, as it runs as another user.
func (c *connection) blind(ctx context.Context) bool {
	const notObservable = "not_observable"
	var d diagnosis
	if err := c.decode(ctx, "/diagnosis?format=json", &d); err != nil {
		return false // the command has the error
	}
	for i := range d.Containers {
		if d.Containers[i].Verdict == notObservable {
			return true
		}
	}
	return false
}

// watch lets jvmem observe for the time that was requested. On a terminal it shows the usage
// and the verdict so far.
func (o *options) watch(ctx context.Context, conn *connection) error {
	began := time.Now()
	end := began.Add(o.lasts)
	file, _ := o.ErrOut.(*os.File)
	terminal := file != nil && term.IsTerminal(int(file.Fd()))
	if !terminal {
		fmt.Fprintf(o.ErrOut, "Observing for %s.\n", o.lasts)
	}
	var last diagnosis
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
			if terminal {
				fmt.Fprint(file, clearLine)
			}
			return o.explainEnd(ctx, conn, began, &last, err)
		}
		last = d
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
	return fleet.Lines(line.String())
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

// explainEnd returns how a container ended since the watch began, with the last verdict on it,
// or else err. Its end also ends the ephemeral container in its process namespace.
func (o *options) explainEnd(ctx context.Context, conn *connection, began time.Time, last *diagnosis, err error) error {
	const looks = 10 // the status is some seconds late
	for range looks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pod, podErr := conn.client.CoreV1().Pods(conn.client.Namespace).Get(ctx, conn.pod, metav1.GetOptions{})
		if podErr != nil {
			return errors.Join(err, podErr)
		}
		if ends := endsSince(pod, began, o.container); ends != nil {
			return fmt.Errorf("%s%s", strings.Join(ends, "\n"), last.summaries(o.container))
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return err
}

// endsSince returns how containers ended since a time.
func endsSince(pod *corev1.Pod, began time.Time, container string) []string {
	var ends []string
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		t := terminated(s)
		if t == nil || s.Name == sidecar.Name || container != "" && s.Name != container ||
			t.FinishedAt.Time.Before(began.Truncate(time.Second)) { // statuses have whole seconds
			continue
		}
		ends = append(ends, fmt.Sprintf("container %s ended while it was observed%s", s.Name, ended(s)))
	}
	return ends
}

func (d *diagnosis) summaries(container string) string {
	text := ""
	for i := range d.Containers {
		if c := &d.Containers[i]; container == "" || c.Name == container {
			text += fmt.Sprintf("\n  last verdict on %s: %s", c.Name, c.Summary)
		}
	}
	return text
}
