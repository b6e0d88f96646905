// Package vm runs a program in a QEMU guest that has what this machine may lack: cgroup v2,
// with systemd as the first process. QEMU emulates the CPU (TCG), so KVM is not needed; the
// guest is about 15 times slower than this machine.
//
//	/      system disk, ext4: folders of this machine, cached by a key; writes are discarded
//	/work  work disk, ext4: a folder of this machine, created for each run; discarded too
//
// The program is the only service. It starts about 3 s after QEMU, in a cgroup that is
// delegated to it with all controllers. The guest has no network except lo, no swap, no
// udev, no journal, and no D-Bus except systemd's private socket; transparent huge pages are
// set to madvise; AppArmor is off; overlayfs is available.
//
// The serial ports of the guest carry the console (errors quote its end), the output of the
// program, its results, and its exit code. The guest stops when the program exits. QEMU
// ends with the process that started it, and its files have no name: after a kill, only an
// unfinished cache entry remains, which the next Run removes.
//
// The kernel is that of this machine's Debian (linux-image-cloud-amd64), or one for arm64, on which
// QEMU then emulates that architecture; Build64 builds one from Debian's source. Missing programs
// are installed with apt-get. It needs root, so that the disks keep the owners of files.
package vm
