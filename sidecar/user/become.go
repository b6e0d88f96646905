package user

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fix is the security context that jvmem's container needs.
const Fix = "set the securityContext of the jvmem container to runAsUser: 0, runAsNonRoot: false, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [SETUID, SETGID]}"

// Able returns why jvmem may not take over another user: a capability is missing.
func Able() error {
	mine, err := own()
	if err != nil {
		return err
	}
	if missing := toSwitch &^ mine; missing != 0 {
		return fmt.Errorf("jvmem runs as UID %d without the capabilities %s", os.Geteuid(), missing)
	}
	return nil
}

// Missing returns the names of the capabilities that jvmem needs to read a JVM of root, and
// lacks: "" if there are none.
func (j JVM) Missing() (string, error) {
	mine, err := own()
	return (j.capabilities &^ mine).String(), err
}

// Become takes over UID and GID of a JVM, on all threads. All supplementary groups and
// capabilities are given up, those of the bounding set if CAP_SETPCAP allows it. If the JVM
// runs as root, its capabilities are kept, or none if some of them are missing. The process is
// not dumpable afterwards. After an error it may have part of its former credentials, and
// should exit.
func Become(j JVM) error {
	mine, err := own()
	if err != nil {
		return err
	}
	keep := capabilities(0)
	if j.UID == 0 && j.capabilities&^mine == 0 {
		keep = j.capabilities
	}
	if mine&(1<<unix.CAP_SETPCAP) != 0 {
		for n := range names {
			if keep&(1<<n) != 0 {
				continue
			}
			if err := onAllThreads("prctl PR_CAPBSET_DROP", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(n)); err != nil {
				return err
			}
		}
	}
	// These change all threads.
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setresgid(j.GID, j.GID, j.GID); err != nil {
		return fmt.Errorf("setresgid %d: %w", j.GID, err)
	}
	if err := syscall.Setresuid(j.UID, j.UID, j.UID); err != nil {
		return fmt.Errorf("setresuid %d: %w", j.UID, err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: uint32(keep), Permitted: uint32(keep)}, {Effective: uint32(keep >> 32), Permitted: uint32(keep >> 32)}}
	if err := onAllThreads("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data))); err != nil {
		return err
	}
	return hide()
}

// onAllThreads makes a system call on every thread.
//
//go:uintptrescapes
func onAllThreads(name string, number, a, b uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(number, a, b, 0); errno != 0 {
		return fmt.Errorf("%s: %w", name, errno)
	}
	return nil
}
