package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEarlierNames: documents and state files that were written before two series were
// renamed have the present names after reading.
func TestEarlierNames(t *testing.T) {
	d, err := Read(strings.NewReader(`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[1,2],"series":{"firm":{"last":[7,8]},"epoch":{"last":[5,null]}}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	check := func(c *Container) {
		t.Helper()
		if got := c.Names(""); len(got) != 2 || got[0] != JVMGeneration || got[1] != Unreclaimable {
			t.Errorf("series %q", got)
		}
		if p := c.Tracks[0].Series[Unreclaimable].At(0); p.Last != 7 {
			t.Errorf("unreclaimable %v", p)
		}
	}
	check(d.Containers[0])
	if c := d.Containers[0]; c.Tracks[0].Sampled(1) != 0 {
		t.Errorf("step 1 is of sample %d", c.Tracks[0].Sampled(1))
	}

	dir := t.TempDir()
	text := fmt.Sprintf(`{"id":"a","time_unix_ms":%d,"series":{"firm":[7,7,7],"epoch":[5,5,5]}}`+"\n", time.Now().UnixMilli())
	if err := os.WriteFile(filepath.Join(dir, "history-00000001.jsonl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Retention: time.Hour, Dir: dir}).Document(time.Time{}, 0).Containers[0])
}
