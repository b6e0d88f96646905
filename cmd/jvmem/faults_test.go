package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// TestServeStuckPipe: who does not read standard output stops neither the samples nor
// the end.
func TestServeStuckPipe(t *testing.T) {
	unread, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	defer stdout.Close()
	if err := stdout.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for full := []byte("0123456789abcdef"); err == nil; {
		_, err = stdout.Write(full)
	}
	if err := stdout.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--proc", t.TempDir(), "--listen", "127.0.0.1:0", "--interval", "100ms", "--max-cpu", "0"}, noEnv, stdout, &stderr)
	}()
	base := "http://" + address(t)
	await(t, base+"/readyz")
	sampled := func() (at time.Time) {
		var r struct{ Time time.Time }
		if err := json.Unmarshal([]byte(await(t, base+"/breakdown")), &r); err != nil {
			t.Fatal(err)
		}
		return r.Time
	}
	for first, end := sampled(), time.Now().Add(patience); !sampled().After(first); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no further sample")
		}
	}
	cancel()
	select {
	case got := <-code:
		if got != 0 || stderr.String() != "" {
			t.Errorf("exit code %d, %q", got, stderr.String())
		}
	case <-time.After(2 * time.Second):
		t.Fatal("it goes on 2 s after the end")
	}
}
