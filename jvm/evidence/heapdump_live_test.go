package evidence

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// queried starts a JVM and queries it.
func queried(t *testing.T, o jvmtest.Options) (*jvmtest.JVM, *jvm.Process, *jvm.Answers) {
	t.Helper()
	j := jvmtest.Start(t, o)
	p, err := jvm.Open("/proc", j.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	a, err := p.Query(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j, p, a
}

// eachJDK runs a test with the JVM of PATH and the others of this machine.
func eachJDK(t *testing.T, test func(t *testing.T, home string)) {
	t.Helper()
	others, err := filepath.Glob("/usr/lib/jvm/temurin-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, home := range append([]string{""}, others...) {
		t.Run("java "+filepath.Base(home), func(t *testing.T) { test(t, home) })
	}
}

// wantTidy checks that nothing of jvmem is left in the JVM's /tmp.
func wantTidy(t *testing.T, pid int) {
	t.Helper()
	left, err := filepath.Glob(fmt.Sprintf("/tmp/.jvmem_*%d", pid))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestDumpHeap copies a dump, and lets the JVM go on if nobody reads it to its end.
func TestDumpHeap(t *testing.T) {
	eachJDK(t, func(t *testing.T, home string) {
		const live = 24 << 20
		j, p, _ := queried(t, jvmtest.Options{JavaHome: home, JVMFlags: []string{"-Xmx128m"}})
		j.Do("heap 24")
		var dump bytes.Buffer
		if err := DumpHeap(t.Context(), p, &dump); err != nil {
			t.Fatal(err)
		}
		text, err := gzip.NewReader(&dump)
		if err != nil {
			t.Fatal(err)
		}
		if n := walkHPROF(t, bufio.NewReaderSize(text, maxHeldBytes)); n < live {
			t.Fatalf("%d bytes of heap", n)
		}
		wantTidy(t, j.PID)

		if err := DumpHeap(t.Context(), p, full{}); !errors.Is(err, errFull) {
			t.Errorf("to a full disk: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		reader, writer := io.Pipe() // the client does not read
		done := make(chan error)
		go func() { done <- DumpHeap(ctx, p, writer) }()
		if _, err := reader.Read(make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
		cancel()
		j.Do("heap 1") // runs again while the client still does not read
		reader.Close()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		wantTidy(t, j.PID)
	})
}

// walkHPROF checks that a dump consists of whole records and ends with the last one, and
// returns the bytes of its heap segments.
func walkHPROF(t *testing.T, r *bufio.Reader) (heap int64) {
	t.Helper()
	header := make([]byte, hprofHeaderBytes)
	if _, err := io.ReadFull(r, header); err != nil || !bytes.HasPrefix(header, []byte("JAVA PROFILE 1.0.2\x00")) {
		t.Fatalf("begins with %q, %v", header, err)
	}
	last := byte(0)
	for {
		head := make([]byte, recordHeadBytes)
		_, err := io.ReadFull(r, head)
		if errors.Is(err, io.EOF) {
			break
		}
		size := int64(binary.BigEndian.Uint32(head[5:]))
		if n, copyErr := io.CopyN(io.Discard, r, size); err != nil || copyErr != nil || !bytes.Contains([]byte{1, 2, 4, 5, 0x1c, 0x2c}, head[:1]) {
			t.Fatalf("after tag %#x: tag %#x with %d of %d bytes, %v, %v", last, head[0], n, size, err, copyErr)
		}
		if head[0] == 0x1c {
			heap += size
		}
		last = head[0]
	}
	if last != 0x2c {
		t.Errorf("ends with tag %#x", last)
	}
	return heap
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestFIFOIsNotFollowed: what another process puts in place of the FIFO is not used.
func TestFIFOIsNotFollowed(t *testing.T) {
	f := jvmtest.NewFake(t)
	p, err := jvm.Open(f.Proc, f.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(f.Tmp, "dump")); err != nil {
		t.Fatal(err)
	}
	pipe, err := newFIFO(p, "dump")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := copyFrom(pipe, io.Discard, make([]byte, 10)); n > 0 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	pipe.close()
	if left, err := os.ReadDir(f.Tmp); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "secret" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Mkdir(filepath.Join(f.Tmp, "dump"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := newFIFO(p, "dump"); err == nil {
		t.Error("a directory was accepted")
	}
}
