package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jvmem/jvmem/e2e/vm"
)

const (
	// guests run concurrently, as each of them uses one CPU.
	guests = 2
	// guestTime limits the suite in a guest, whose CPU is emulated.
	guestTime = 4 * time.Hour
)

// runGuests runs the suite in guests with cgroup v2, each with a part of the units.
func runGuests(ctx context.Context, k *kit, args []string, out, results io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, guestTime)
	defer cancel()
	text, err := os.ReadFile(k.path("units"))
	if err != nil {
		return err
	}
	parts := make([][]string, guests)
	for i, unit := range strings.Split(string(text), "\n") {
		parts[i%guests] = append(parts[i%guests], unit)
	}
	var lock sync.Mutex
	var wait sync.WaitGroup
	errs := make([]error, guests)
	for i, part := range parts {
		if len(part) == 0 {
			continue
		}
		name := fmt.Sprintf("units-%d", i)
		if err := os.WriteFile(k.path(name), []byte(strings.Join(part, "\n")), 0o644); err != nil {
			return err
		}
		wait.Go(func() {
			errs[i] = runGuest(ctx, k, append([]string{"-only", "/work/" + name}, args...),
				&lineWriter{to: out, lock: &lock}, &lineWriter{to: results, lock: &lock})
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func runGuest(ctx context.Context, k *kit, args []string, out, results io.Writer) error {
	code, err := vm.Run(ctx, k.need, vm.Guest{
		System: []vm.Folder{
			{Source: k.tree.System(), Target: "/"},
			{Source: k.tree.JDKFolder(), Target: "/kit/jdk"},
			{Source: k.tree.Base(), Target: "/kit/base"},
		},
		Key:       filepath.Base(k.tree.Dir),
		Work:      k.work,
		MemoryMiB: 4096,
		CPUs:      2,
		Program: append([]string{
			"/work/suite", "-jdks", "/kit/jdk", "-base", "/kit/base", "-app", "/work/app", "-jvmem", "/work/jvmem",
			"-need", "/bin/true", "-results", "/dev/ttyS2", "-test.parallel=1",
			"-interval", "1s", // a sample takes about 0.4 s in the guest
		}, args...),
		Stdout:  out,
		Results: results,
	})
	if err == nil && code != 0 {
		err = fmt.Errorf("test suite: exit code %d", code)
	}
	return err
}

// lineWriter writes whole lines to a writer that it shares with others.
type lineWriter struct {
	to   io.Writer
	lock *sync.Mutex
	rest []byte
}

func (w *lineWriter) Write(text []byte) (int, error) {
	w.rest = append(w.rest, text...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	if end == 0 {
		return len(text), nil
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	_, err := w.to.Write(w.rest[:end])
	w.rest = append(w.rest[:0], w.rest[end:]...)
	return len(text), err
}
