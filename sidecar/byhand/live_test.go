package byhand

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sample"
)

func TestHeapDump(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx128m"}})
	j.Do("heap 32")
	o := HeapDumpOptions{Options: sample.Options{Proc: "/proc", PID: j.PID, Pod: &breakdown.Pod{}}, MaxStop: time.Minute}
	var dump, progress bytes.Buffer
	err := HeapDump(t.Context(), o, &dump, &progress)
	if err == nil || !strings.Contains(err.Error(), "add --yes") || !strings.Contains(err.Error(), "every secret") || dump.Len() > 0 {
		t.Errorf("without consent: %v", err)
	}
	o.Consent = true
	o.MaxStop = time.Millisecond
	if err := HeapDump(t.Context(), o, &dump, &progress); err == nil || !strings.Contains(err.Error(), "--max-stop") || dump.Len() > 0 {
		t.Errorf("longer than --max-stop: %v", err)
	}
	o.MaxStop = time.Minute
	if err := HeapDump(t.Context(), o, &dump, &progress); err != nil || !bytes.HasPrefix(dump.Bytes(), []byte{0x1f, 0x8b}) || !strings.Contains(progress.String(), "(gzip) in ") {
		t.Errorf("%v, %q", err, &progress)
	}
}

// TestTry: what was garbage falls, what is live does not.
func TestTry(t *testing.T) {
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: []string{"-Xmx128m", "-XX:+UseSerialGC"}})
	o := sample.Options{Proc: "/proc", PID: j.PID, Pod: &breakdown.Pod{}}
	try := func(name string) string {
		t.Helper()
		var out strings.Builder
		if err := Try(t.Context(), o, name, true, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	j.Do("objects 32")
	if got := try(GC); !strings.Contains(got, "of the heap is live") && !strings.Contains(got, "survived") {
		t.Error(got)
	}
	j.Do("objectsfree")
	if got := try(GC); !strings.Contains(got, "of the heap was garbage") || !strings.Contains(got, "heap used") {
		t.Error(got)
	}
	for name, consent := range map[string]bool{Trim: false, GC: false, "kill": true} {
		if err := Try(t.Context(), o, name, consent, io.Discard); err == nil {
			t.Errorf("%s, consent %t: no error", name, consent)
		}
	}
}
