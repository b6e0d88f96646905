package user

import (
	"bufio"
	"bytes"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities is a set of capabilities: bit n is the one with the number n.
type capabilities uint64

const toSwitch = capabilities(1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID)

// names are those of include/uapi/linux/capability.h, as Kubernetes writes them.
var names = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// String returns the names, separated by commas.
func (c capabilities) String() string {
	var all []string
	for rest := c; rest != 0; rest &= rest - 1 {
		n := bits.TrailingZeros64(uint64(rest))
		if n < len(names) {
			all = append(all, names[n])
		} else {
			all = append(all, strconv.Itoa(n))
		}
	}
	return strings.Join(all, ", ")
}

// own returns the effective capabilities of the calling thread: those of all threads, but
// for one that runs as a user.
func own() (capabilities, error) {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read the capabilities of jvmem: %w", err)
	}
	return capabilities(data[1].Effective)<<32 | capabilities(data[0].Effective), nil
}

// permitted returns CapPrm of a status file: the kernel compares it with the reader's.
func permitted(status []byte) (capabilities, error) {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "CapPrm:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return capabilities(n), err
		}
	}
	return 0, fmt.Errorf("no CapPrm in the status")
}
