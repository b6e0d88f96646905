package byhand

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// TestProvedByTrim: the sentence does not contradict the table above it.
func TestProvedByTrim(t *testing.T) {
	const mib = 1 << 20
	of := func(bytes *int64) *breakdown.Container {
		return &breakdown.Container{Memory: []breakdown.Row{{Name: rows.Native, Bytes: bytes}}}
	}
	for _, tt := range []struct {
		before, after *int64
		want          string
	}{
		{new(int64(100 * mib)), new(int64(60 * mib)), "40.0 MiB of the native memory was free"},
		{new(int64(180 * mib)), new(int64(177 * mib)), "Only 3.0 MiB of the native memory was free and retained by malloc. The rest is in use"},
		{new(int64(100 * mib)), new(int64(100*mib - 4096)), "did not fall: it is in use"},
		{new(int64(100 * mib)), new(int64(120 * mib)), "did not fall: it is in use"},
		{new(int64(100 * mib)), nil, "not known both times"},
	} {
		if got := strings.Join(provedByTrim(of(tt.before), of(tt.after)), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
