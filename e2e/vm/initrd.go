package vm

import (
	"bytes"
	_ "embed" // the files of the guest
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

//go:embed init.sh
var initScript string

//go:embed e2e.service
var unit string

// initrd returns the initial root file system as a file without a name: a busybox that loads
// the modules and mounts the disks, and the unit of the program, so that the system disk is
// the same for every program.
func (c *cache) initrd(kernel string, g Guest) (*os.File, error) {
	var archive archive
	busybox, err := os.ReadFile(filepath.Join(kernel, busyboxFile))
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"bin", "dev", "mod", "proc", "root"} {
		archive.add(dir, 0o040755, nil)
	}
	archive.add("bin/busybox", 0o100755, busybox)
	archive.add("init", 0o100755, []byte(initScript))
	archive.add("e2e.service", 0o100644, []byte(unit+program(g)))
	for i, name := range g.hardware().modules {
		module, err := os.ReadFile(filepath.Join(kernel, name+".ko"))
		if os.IsNotExist(err) {
			continue // built in
		}
		if err != nil {
			return nil, err
		}
		archive.add(fmt.Sprintf("mod/%02d-%s.ko", i, name), 0o100644, module)
	}
	archive.add("TRAILER!!!", 0, nil)

	file, err := c.scratch()
	if err == nil {
		_, err = io.Copy(file, &archive)
	}
	return file, err
}

// program returns the end of the unit. The colon disables the expansion of $.
func program(g Guest) string {
	var text strings.Builder
	for _, env := range g.Env {
		fmt.Fprintf(&text, "Environment=%s\n", quote(env))
	}
	text.WriteString("ExecStart=:")
	for _, arg := range g.Program {
		text.WriteString(quote(arg) + " ")
	}
	text.WriteString("\n")
	return text.String()
}

// quote quotes a word as systemd.syntax(7) and systemd.unit(5) require.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "%", "%%").Replace(text) + `"`
}

// archive is a cpio archive in the new ASCII format, which the kernel unpacks.
// https://www.kernel.org/doc/html/latest/driver-api/early-userspace/buffer-format.html
type archive struct{ bytes.Buffer }

func (a *archive) add(name string, mode int, content []byte) {
	fmt.Fprintf(a, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	a.align()
	a.Write(content)
	a.align()
}

// align pads to a multiple of 4.
func (a *archive) align() { a.Write(make([]byte, -a.Len()&3)) }
