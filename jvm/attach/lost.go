package attach

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxLostSockets = 16      // of that name, in all containers with the JVM's network
	maxFDs         = 1 << 16 // far above what a JVM has open when it starts
	// listens is __SO_ACCEPTCON of include/linux/net.h.
	listens = "00010000"
)

// lostSocket reports whether the JVM listens on a socket whose file was deleted. HotSpot
// binds /tmp/.java_pid<nspid>.tmp, listens and renames it (attachListener_posix.cpp); the
// kernel keeps the first name. So a listener that is not ready yet, however slow, either
// does not listen, or still has the file of that name. False if it cannot be read.
func (c *Client) lostSocket() bool {
	inodes := c.listening()
	if len(inodes) == 0 || !c.holds(inodes) {
		return false
	}
	tmp, err := c.tmp()
	if err != nil {
		return false
	}
	defer tmp.Close()
	for _, name := range []string{c.socketFile() + ".tmp", c.socketFile()} { // in the order of the rename
		var st unix.Stat_t
		if err := unix.Fstatat(int(tmp.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// listening returns the inodes of the sockets that listen under the name that HotSpot
// binds: of this JVM, or of one in another container that shares its network. The file has
// "address references protocol flags type state inode path" (proc_net(5), "unix").
func (c *Client) listening() []string {
	file, err := os.Open(c.procPath("net/unix"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var inodes []string
	bound := filepath.Join(tmpDir, c.socketFile()+".tmp")
	for lines := bufio.NewScanner(file); lines.Scan() && len(inodes) < maxLostSockets; {
		if f := strings.Fields(lines.Text()); len(f) == 8 && f[3] == listens && f[7] == bound {
			inodes = append(inodes, f[6])
		}
	}
	return inodes
}

// holds reports whether the JVM has one of these sockets open.
func (c *Client) holds(inodes []string) bool {
	dir, err := os.Open(c.procPath("fd"))
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxFDs) // what could be listed
	return slices.ContainsFunc(names, func(name string) bool {
		target, err := os.Readlink(c.procPath("fd/" + name))
		inode, isSocket := strings.CutPrefix(target, "socket:[")
		return err == nil && isSocket && slices.Contains(inodes, strings.TrimSuffix(inode, "]"))
	})
}
