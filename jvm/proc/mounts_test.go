package proc

import (
	"maps"
	"strings"
	"testing"
)

func TestParseTmpfs(t *testing.T) {
	layers := "41 40 0:33 / / rw - overlay overlay rw,lowerdir=" + strings.Repeat("/var/lib/containerd/snapshots/4711/fs:", 3000) + "\n"
	text := layers + `22 41 0:21 / /proc rw,nosuid - proc proc rw
23 41 0:25 / /dev/shm rw,nosuid,nodev shared:4 master:2 - tmpfs shm rw,size=65536k
24 41 259:1048575 / /a\040-\040tmpfs rw - ext4 /dev/nvme0n1p1 rw
25 41 0:4294967295 /sub /run rw,relatime - tmpfs tmpfs rw
26 41 0:6 / /dev rw - devtmpfs devtmpfs rw
27 41 x:y / /odd rw - tmpfs tmpfs rw
28 41 - tmpfs
cut
`
	want := map[uint64]bool{25: true, 4294967295: true}
	if got, err := parseTmpfs(strings.NewReader(text)); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got, err := parseTmpfs(strings.NewReader(strings.Repeat("x", maxMountLine+1))); err == nil {
		t.Errorf("a line without end: %v", got)
	}
}

// Whatever a container mounts where, in the kernel's spelling, makes no tmpfs of a disk.
func FuzzParseTmpfs(f *testing.F) {
	f.Add("/a - tmpfs ", "/dev/sda")
	f.Add("/a\n23 41 0:25 / /x rw - tmpfs shm rw\n", "x")
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)
	f.Fuzz(func(t *testing.T, point, device string) {
		text := "24 41 8:1 / " + escape.Replace(point) + " rw - ext4 " + escape.Replace(device) + " rw\n25 41 0:7 / /run rw - tmpfs tmpfs rw\n"
		if got, err := parseTmpfs(strings.NewReader(text)); err == nil && !maps.Equal(got, map[uint64]bool{7: true}) {
			t.Fatalf("%v of %q", got, text)
		}
	})
}
