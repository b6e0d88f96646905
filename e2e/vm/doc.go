// Package vm runs a program in a QEMU guest whose host has what this machine may
// not: cgroups v2, with systemd as the first process. It emulates (TCG), so it
// needs no KVM; the guest is some 15 times as slow as this machine.
//
//	/      the system disk, ext4: folders of this machine, kept in the cache below a key; what the guest writes to it is dropped
//	/work  the work disk, ext4: a folder of this machine, made anew for each run; dropped too
//
// The program is the only service. It starts some 3 s after QEMU, in a cgroup
// that is delegated to it with all controllers. There is no network but lo, no
// swap, no udev, no journal, no D-Bus but systemd's own socket; transparent huge
// pages are for those who ask (madvise); AppArmor is off; overlayfs is there.
//
// The guest's serial ports carry the console (its end is quoted by errors), the
// program's output, its results, and its exit code. When the program ends the
// guest ends at once. QEMU ends with the process that started it, and its files
// have no name: nothing is left after a kill, but what was being put into the
// cache, which the next Run removes.
//
// The kernel is that of this machine's Debian (linux-image-cloud-amd64). What is
// missing is installed with apt-get, as all that the Makefile needs. Needs root,
// so that the disks keep the owners of files.
package vm
