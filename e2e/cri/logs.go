package cri

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// Logs returns the output of a container.
func (r *Runtime) Logs(ctx context.Context, id string) (stdout, stderr string, err error) {
	status, err := r.status(ctx, id)
	if err != nil {
		return "", "", err
	}
	text, err := os.ReadFile(status.LogPath)
	if err != nil {
		return "", "", err
	}
	var out, errors strings.Builder
	for line := range strings.Lines(string(text)) {
		// 2016-10-06T00:17:09.669794202Z stdout F text; P: the line continues
		fields := strings.SplitN(line, " ", 4)
		if len(fields) < 4 {
			return "", "", fmt.Errorf("log %s: unknown line %q", status.LogPath, line)
		}
		if fields[2] == "P" {
			fields[3] = strings.TrimSuffix(fields[3], "\n")
		}
		switch fields[1] {
		case "stdout":
			out.WriteString(fields[3])
		case "stderr":
			errors.WriteString(fields[3])
		}
	}
	return out.String(), errors.String(), nil
}
