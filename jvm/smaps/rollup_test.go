package smaps

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func TestReadRollup(t *testing.T) {
	for _, dir := range jvmtest.Captures(t, "testdata/jdk*/*", 68) {
		text := jvmtest.Capture(t, dir+"/smaps_rollup.txt")
		r, err := ReadRollup(bytes.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if sum, pss := r.AnonymousBytes+r.FileBytes+r.ShmemBytes, kernelSum(t, text, "Pss"); sum > pss || sum < pss-2<<10 {
			t.Errorf("%s: %d in all, Pss is %d", dir, sum, pss)
		}
		// Nothing else maps these JVMs' private pages.
		if want := kernelSum(t, text, "Anonymous"); r.AnonymousBytes != want {
			t.Errorf("%s: %d anonymous, want %d", dir, r.AnonymousBytes, want)
		}
	}
	// ZGC's heap is shared memory.
	text := jvmtest.Capture(t, "testdata/jdk17/z/smaps_rollup.txt")
	want := Rollup{kernelSum(t, text, "Pss_Anon"), kernelSum(t, text, "Pss_File"), kernelSum(t, text, "Pss_Shmem")}
	if r, err := ReadRollup(bytes.NewReader(text)); err != nil || r != want || r.ShmemBytes < 32<<20 {
		t.Errorf("%+v, want %+v, %v", r, want, err)
	}
	for cut := range text {
		r, err := ReadRollup(bytes.NewReader(text[:cut]))
		if err == nil && r != want {
			t.Fatalf("cut at %d: %+v", cut, r)
		}
		if !bytes.Contains(text[:cut], []byte("Pss_Shmem")) && !errors.Is(err, ErrTruncated) && !strings.Contains(err.Error(), "not a size") {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}
