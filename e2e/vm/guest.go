package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Guest configures a guest and the program to run in it.
type Guest struct {
	// System is the content of the system disk. Each folder is placed over those before
	// it; the first is the root, with systemd and sh.
	System []Folder
	// Key identifies System: the disk that was created for a key is reused. It becomes
	// part of a file name.
	Key string
	// Work is a folder whose content the guest has in /work, with 16 GiB in total.
	Work string
	// Kernel is that of a guest on arm64; nil: a guest on x86, with the kernel of this machine's
	// Debian.
	Kernel *Kernel
	// MemoryMiB and CPUs of the guest. All its CPUs share one CPU of this machine: to
	// use more, run several guests concurrently.
	MemoryMiB, CPUs int
	// Program and its arguments. The program is an absolute path in the guest; it
	// runs as root in /work, with no input.
	Program []string
	// Env are NAME=value, besides PATH, HOME and JVMEM_E2E_RESULTS: the path of a
	// file to write results to.
	Env []string
	// Stdout receives the stdout and stderr of the program, Results what it writes to its
	// results file. nil discards it.
	Stdout, Results io.Writer
}

// Kernel is a kernel for arm64.
type Kernel struct {
	// Name becomes part of a file name.
	Name string
	// Files are Debian packages, or files, with the kernel (vmlinuz), its modules, and busybox.
	Files []string
}

// Folder is a folder of this machine and its path in the guest.
type Folder struct{ Source, Target string }

// Run boots the guest and returns when the program has exited. An error means that there is
// no exit code: the guest cannot be created or failed, a signal ended the program, or ctx is
// done. Set a deadline, as nothing else ends a guest that hangs. It may be called
// concurrently. need is the script that installs Debian packages (.ci/need).
func Run(ctx context.Context, need string, g Guest) (exitCode int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("a guest needs root to keep the owners of files")
	}
	h := g.hardware()
	err = install(ctx, need, [2]string{h.qemu, h.debian}, [2]string{"mkfs.ext4", "e2fsprogs"},
		[2]string{"apt-get apt-cache dpkg unxz", "apt dpkg xz-utils"})
	if err != nil {
		return 0, err
	}
	c, err := openCache(ctx, "vm")
	if err != nil {
		return 0, err
	}
	defer c.lock.Close()
	m, err := c.machine(ctx, g)
	if err != nil {
		return 0, fmt.Errorf("create the guest: %w", err)
	}
	defer m.close()
	_ = c.lock.Close() // the files of the cache are open now
	return m.run(ctx, g)
}

// install installs Debian packages where programs are missing. Each tool has both.
func install(ctx context.Context, need string, tools ...[2]string) error {
	for _, tool := range tools {
		if out, err := exec.CommandContext(ctx, need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w\n%s", tool[1], err, out)
		}
	}
	return nil
}
