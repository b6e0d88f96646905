package pages

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

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

// Sizes are whole kilobytes, and how the bytes come makes no difference.
func FuzzReadRollup(f *testing.F) {
	f.Add("7f00-7f01 ---p 00000000 00:00 0    [rollup]\nPss_Anon: 800 kB\nPss_File: 1 kB\nPss_Shmem: 0 kB\n")
	f.Add("Pss_Anon: 18014398509481984 kB\nPss_File: -1 kB\nPss_Shmem:\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadRollup(strings.NewReader(text))
		byByte, byByteErr := ReadRollup(iotest.OneByteReader(strings.NewReader(text)))
		if r != byByte || (err == nil) != (byByteErr == nil) {
			t.Fatalf("whole: %+v, %v; byte by byte: %+v, %v", r, err, byByte, byByteErr)
		}
		for _, n := range []int64{r.AnonymousBytes, r.FileBytes, r.ShmemBytes} {
			if n < 0 || n%1024 != 0 {
				t.Fatalf("%+v of %q", r, text)
			}
		}
	})
}
