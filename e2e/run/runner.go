package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/e2e/result"
)

// host is a machine on which the suite runs.
type host struct {
	name string
	// engines run the containers; the first one runs the whole matrix.
	engines string
	// guest is true if nothing else uses the machine.
	guest bool
	run   func(ctx context.Context, k *kit, args []string, out, results io.Writer) error
}

// runner runs the units of a host.
type runner struct {
	kit           *kit
	host          host
	full, verbose bool
	match         string
}

// run returns the results of all units, stored ones included. A unit that fails or sends no
// result is an error.
func (r *runner) run(ctx context.Context) ([]result.Result, error) {
	units, err := r.units(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := openKept(filepath.Join(filepath.Dir(r.kit.tree.Dir), "results", r.kit.key+"-"+r.host.name+".jsonl"))
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	var all []result.Result
	var missing []string
	for _, u := range units {
		if k, ok := kept.results[u]; ok && r.match == "" {
			all = append(all, k)
		} else {
			missing = append(missing, u)
		}
	}
	fmt.Printf("%s: %d units, %d of them passed in an earlier run\n", r.host.name, len(units), len(all))
	if len(missing) == 0 {
		return all, nil
	}
	fresh, err := r.runUnits(ctx, missing, func(one result.Result) error {
		if r.match != "" || !one.Passed {
			return nil
		}
		return kept.add(one)
	})
	all = append(all, fresh...)
	for _, u := range missing {
		i := slices.IndexFunc(fresh, func(f result.Result) bool { return f.Unit == u })
		if i < 0 || !fresh[i].Passed {
			err = errors.Join(err, fmt.Errorf("%s: failed", u))
		}
	}
	// They ended in another order.
	slices.SortStableFunc(all, func(a, b result.Result) int {
		return cmp.Compare(slices.Index(units, a.Unit), slices.Index(units, b.Unit))
	})
	return all, err
}

// units returns the names of all units.
func (r *runner) units(ctx context.Context) ([]string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, r.kit.path("suite"), append(r.args(r.kit.tree.JDKFolder()), "-units")...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("list units: %w", err)
	}
	units := strings.Split(strings.TrimSpace(out.String()), "\n")
	return slices.DeleteFunc(units, func(u string) bool { return !strings.Contains(u, r.match) }), nil
}

func (r *runner) args(jdks string) []string {
	return []string{"-jdks", jdks, "-engines", r.host.engines, fmt.Sprintf("-full=%v", r.full), fmt.Sprintf("-guest=%v", r.host.guest)}
}

// runUnits runs units on the host and calls done with each result.
func (r *runner) runUnits(ctx context.Context, units []string, done func(result.Result) error) ([]result.Result, error) {
	if err := os.WriteFile(r.kit.path("units"), []byte(strings.Join(units, "\n")), 0o644); err != nil {
		return nil, err
	}
	var all []result.Result
	var failed error
	read, write := io.Pipe()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for lines := bufio.NewReader(read); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				_ = read.CloseWithError(err) // a writer would wait forever
				return
			}
			var one result.Result
			if err := json.Unmarshal(line, &one); err != nil {
				failed = errors.Join(failed, fmt.Errorf("result %q: %w", line, err))
				continue
			}
			fmt.Println(describe(r.host.name, &one, len(all)+1, len(units)))
			all = append(all, one)
			failed = errors.Join(failed, done(one))
		}
	}()
	args := r.args("")[2:]
	if r.verbose {
		args = append(args, "-test.v")
	}
	err := r.host.run(ctx, r.kit, append(args, "-test.timeout=5h"), os.Stdout, write)
	_ = write.Close() // never fails
	<-finished
	return all, errors.Join(err, failed)
}

// describe formats a result as a line.
func describe(host string, r *result.Result, n, of int) string {
	state := "ok  "
	if !r.Passed {
		state = "FAIL"
	}
	text := fmt.Sprintf("%s %s %3d/%d %5.1f s  %s", state, host, n, of, r.Seconds, r.Unit)
	if worst := worst(r.Steps); worst != nil {
		text += fmt.Sprintf("  (largest error %.2f MiB: %s)", float64(worst.Error())/mib, worst.Command)
	}
	for _, note := range r.Notes {
		text += "\n       " + note
	}
	return text
}

// kept is a file of results that passed.
type kept struct {
	*os.File
	results map[string]result.Result
}

func openKept(path string) (*kept, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	k := &kept{file, make(map[string]result.Result)}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return k, nil // an incomplete last line is ignored
		}
		var one result.Result
		if json.Unmarshal(line, &one) == nil {
			k.results[one.Unit] = one
		}
	}
}

func (k *kept) add(r result.Result) error {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = k.Write(append(text, '\n'))
	}
	return err
}
