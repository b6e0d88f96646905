package vm

import (
	"fmt"
	"strings"
)

// hardware is a machine that QEMU emulates, and what its kernel needs.
type hardware struct {
	prefix          string // of the names of its files in the cache
	qemu, debian    string // the program, and its Debian package
	machine         []string
	console         string   // of the kernel's command line
	consoleIsSerial bool     // the console is one of the four serial ports
	modules         []string // in the order of loading; some kernels have some of them built in
}

// hardware returns that of a Kernel, else x86 for the kernel of this machine's Debian.
func (g *Guest) hardware() *hardware {
	if g.Kernel != nil {
		return &hardware{
			prefix: "arm64-",
			qemu:   "qemu-system-aarch64", debian: "qemu-system-arm",
			machine: []string{"-machine", "virt,gic-version=3", "-cpu", "neoverse-n1"}, // has pages of 4, 16 and 64 KiB
			console: "console=ttyAMA0",
			modules: []string{"virtio_blk", "virtio-rng", "crc16", "mbcache", "jbd2", "ext4"},
		}
	}
	return &hardware{
		qemu: "qemu-system-x86_64", debian: "qemu-system-x86",
		// For newer CPU models, the JVM emits instructions that are slower to emulate.
		machine: []string{"-cpu", "qemu64"},
		// The clock is the TSC, which reads that of the host without leaving the emulated code.
		console:         "console=ttyS0 tsc=reliable no_timer_check",
		consoleIsSerial: true,
		modules: []string{
			"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", // disks
			"virtio-rng",                   // entropy
			"overlay",                      // root file systems of containers
			"llc", "stp", "bridge", "veth", // networks of pods
		},
	}
}

// commandLine returns that of the kernel. An oops causes a panic, which causes a reset, which ends
// QEMU.
func (h *hardware) commandLine() string {
	return h.console + " quiet panic=-1 oops=panic mitigations=off nokaslr apparmor=0 " +
		"cgroup_no_v1=all transparent_hugepage=madvise TERM=dumb systemd.tty.term.console=dumb systemd.show_status=no systemd.unit=e2e.service"
}

// serial returns the arguments for the console and the ports ttyS1 to ttyS3, to descriptors from
// first on.
func (h *hardware) serial(first int) (args []string) {
	path := func(i int) string { return fmt.Sprintf("/proc/self/fd/%d", first+i) }
	if h.consoleIsSerial {
		for i := range 4 {
			args = append(args, "-serial", "file:"+path(i))
		}
		return args
	}
	ports := []string{"pci-serial-4x", "chardev1=port0"}
	args = []string{"-serial", "file:" + path(0), "-chardev", "null,id=port0"}
	for i := 1; i < 4; i++ {
		args = append(args, "-chardev", fmt.Sprintf("file,id=port%d,path=%s", i, path(i)))
		ports = append(ports, fmt.Sprintf("chardev%d=port%d", i+1, i))
	}
	return append(args, "-device", strings.Join(ports, ","))
}
