package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Guest is a machine to be, and the program to run in it.
type Guest struct {
	// System is what the system disk holds. Each folder is put over those before
	// it; the first is the root, with systemd and sh in it.
	System []Folder
	// Key stands for System: the disk that was made for a key is used for as long
	// as the key is the same. It becomes part of a file's name.
	Key string
	// Work is a folder whose contents the guest has in /work, with 16 GiB in all.
	Work string
	// MemoryMiB and CPUs are what the guest has. All its CPUs together run as fast
	// as one of this machine's would: to use more, run several guests at once.
	MemoryMiB, CPUs int
	// Program and its arguments. The program is an absolute path in the guest; it
	// runs as root in /work, with no input.
	Program []string
	// Env are NAME=value, besides PATH, HOME and JVMEM_E2E_RESULTS: the path of a
	// file to write results to.
	Env []string
	// Stdout takes what the program writes to its output and to its errors, and
	// Results what it writes to its results file, as they come. nil: dropped.
	Stdout, Results io.Writer
}

// Folder is a folder of this machine, and its place in the guest.
type Folder struct{ Source, Target string }

// Run boots the guest and returns when the program has ended. An error means
// that there is no exit code: the guest was not to be had or broke, a signal
// ended the program, ctx is done. Set a deadline: a guest that hangs runs until
// then. It may be called concurrently. need is the script that installs Debian packages (.ci/need).
func Run(ctx context.Context, need string, g Guest) (exitCode int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("a guest needs root, to keep the owners of files")
	}
	for _, tool := range [][2]string{
		{"qemu-system-x86_64", "qemu-system-x86"}, {"mkfs.ext4", "e2fsprogs"}, {"apt-get apt-cache dpkg unxz", "apt dpkg xz-utils"},
	} {
		if out, err := exec.CommandContext(ctx, need, tool[0], tool[1]).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("install %s: %w\n%s", tool[1], err, out)
		}
	}
	c, err := openCache(ctx)
	if err != nil {
		return 0, err
	}
	defer c.lock.Close()
	m, err := c.machine(ctx, g)
	if err != nil {
		return 0, fmt.Errorf("make the guest: %w", err)
	}
	defer m.close()
	_ = c.lock.Close() // what is in the cache is open now
	return m.run(ctx, g)
}
