package proc

import (
	"maps"
	"strings"
	"testing"
)

func TestParseMountsTmpfs(t *testing.T) {
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
	if got, err := parseMounts(strings.NewReader(text)); err != nil || !maps.Equal(got.Tmpfs, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got, err := parseMounts(strings.NewReader(strings.Repeat("x", maxMountLine+1))); err == nil {
		t.Errorf("a line without end: %v", got)
	}
}

// TestKubelet: the name is found wherever kubelet's folder is, and nothing else that a
// container mounts is taken for it. UIDs and names are invented, the shapes are not.
func TestKubelet(t *testing.T) {
	const uid = "0c1f6a7e-52d1-4c8e-9b0a-6a2b1d3e4f50"
	for name, tt := range map[string]struct{ text, uid, container string }{
		"containerd": {`2782 2775 8:1 /var/lib/kubelet/pods/` + uid + `/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw,commit=30
2783 2777 8:1 /var/lib/kubelet/pods/` + uid + `/containers/orders/3404dd90 /dev/termination-log rw,relatime - ext4 /dev/sda1 rw,commit=30
2784 2775 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/` + strings.Repeat("c5", 32) + `/hostname /etc/hostname rw,nosuid - ext4 /dev/sda1 rw
`, uid, "orders"},
		"CRI-O on OpenShift": {`10312 10303 0:25 /containers/storage/overlay-containers/` + strings.Repeat("2a", 32) + `/userdata/hostname /etc/hostname rw,nosuid master:15 - tmpfs tmpfs rw
10314 10303 252:4 /ostree/deploy/rhcos/var/lib/kubelet/pods/` + uid + `/etc-hosts /etc/hosts rw,relatime - xfs /dev/vda4 rw,prjquota
10315 10305 252:4 /ostree/deploy/rhcos/var/lib/kubelet/pods/` + uid + `/containers/orders/8504a7c5 /dev/termination-log rw,relatime - xfs /dev/vda4 rw,prjquota
`, uid, "orders"},
		"Docker through cri-dockerd": {`867 859 253:0 /var/lib/kubelet/pods/` + uid + `/containers/orders/fc4135aa /dev/termination-log rw,relatime - ext4 /dev/mapper/vg-lv rw
868 857 253:0 /var/lib/docker/containers/` + strings.Repeat("c0", 32) + `/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/mapper/vg-lv rw
870 857 253:0 /var/lib/kubelet/pods/` + uid + `/etc-hosts /etc/hosts rw,relatime - ext4 /dev/mapper/vg-lv rw
`, uid, "orders"},
		"node in a container":               {"571 566 254:1 /docker/volumes/minikube/_data/lib/kubelet/pods/" + uid + "/containers/orders/0447d6c5 /dev/termination-log rw - ext4 /dev/vda1 rw\n", uid, "orders"},
		"kubelet's folder is a file system": {"2299 2235 253:0 /pods/" + uid + "/containers/orders/0447d6c5 /dev/termination-log rw - ext4 /dev/vdb rw\n", uid, "orders"},
		"terminationMessagePath":            {"2299 2235 253:0 /var/lib/kubelet/pods/" + uid + "/containers/a-2/0447d6c5 /tmp/why rw - ext4 /dev/vdb rw\n", uid, "a-2"},
		"static pod":                        {"2299 2235 253:0 /var/lib/kubelet/pods/" + strings.Repeat("9e", 16) + "/containers/etcd/0447d6c5 /dev/termination-log rw - ext4 /dev/vdb rw\n", strings.Repeat("9e", 16), "etcd"},
		"no termination log":                {"2299 2235 253:0 /var/lib/kubelet/pods/" + uid + "/etc-hosts /etc/hosts rw - ext4 /dev/vdb rw\n", uid, ""},
		"volumes, and the host's folders": {`2215 2208 8:1 /var/lib/kubelet/pods/` + uid + `/volumes/kubernetes.io~empty-dir/tmp /tmp rw - ext4 /dev/sda1 rw
2216 2208 8:1 /var/lib/kubelet/pods/` + uid + `/volume-subpaths/config/orders/0 /etc/app rw - ext4 /dev/sda1 rw
2217 2208 8:1 /var/lib/kubelet/pods/` + uid + `/containers/orders /x rw - ext4 /dev/sda1 rw
2218 2208 8:1 /var/lib/kubelet/pods/` + uid + `/containers/or.ders/0447d6c5 /x rw - ext4 /dev/sda1 rw
2219 2208 8:1 /var/log/pods /var/log/pods ro - ext4 /dev/sda1 rw
2220 2208 8:1 /var/lib/kubelet/pods /var/lib/kubelet/pods ro - ext4 /dev/sda1 rw
2221 2208 8:1 /home/pods/me/etc-hosts /home/hosts rw - ext4 /dev/sda1 rw
`, "", ""},
	} {
		if m, err := parseMounts(strings.NewReader(tt.text)); err != nil || m.PodUID != tt.uid || m.Container != tt.container {
			t.Errorf("%s: pod %q, container %q, %v", name, m.PodUID, m.Container, err)
		}
	}
}

// Whatever a container mounts where, in the kernel's spelling, makes no tmpfs of a disk.
func FuzzParseMounts(f *testing.F) {
	f.Add("/a - tmpfs ", "/dev/sda")
	f.Add("/a\n23 41 0:25 / /x rw - tmpfs shm rw\n", "x")
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)
	f.Fuzz(func(t *testing.T, point, device string) {
		text := "24 41 8:1 / " + escape.Replace(point) + " rw - ext4 " + escape.Replace(device) + " rw\n25 41 0:7 / /run rw - tmpfs tmpfs rw\n"
		if got, err := parseMounts(strings.NewReader(text)); err == nil && !maps.Equal(got.Tmpfs, map[uint64]bool{7: true}) {
			t.Fatalf("%v of %q", got, text)
		}
	})
}
