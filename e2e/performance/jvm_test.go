package performance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// jdk is a JDK whose JVMs are measured.
type jdk struct {
	name string // "17"
	// wrap is a command that runs its java; nil for the JDK of this machine.
	wrap []string
	// jcmd returns the command line of its jcmd.
	jcmd func(j *jvmtest.JVM, command string) []string
}

// installed returns the JDK of JAVA_HOME or PATH.
func installed(t *testing.T) *jdk {
	t.Helper()
	bin := ""
	if home := os.Getenv("JAVA_HOME"); home != "" {
		bin = filepath.Join(home, "bin") + "/"
	}
	out, err := exec.Command(bin+"java", "-version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// openjdk version "17.0.15" 2025-04-15
	_, of, _ := strings.Cut(string(out), `version "`)
	return &jdk{name: feature(of), jcmd: func(j *jvmtest.JVM, command string) []string {
		return append([]string{bin + "jcmd", strconv.Itoa(j.PID)}, strings.Fields(command)...)
	}}
}

// tree has the JDKs of Debian sid.
var tree = sync.OnceValues(func() (*debian.Tree, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return debian.Get(ctx, *need)
})

// newest returns the newest JDK of Debian sid.
var newest = sync.OnceValues(func() (*jdk, error) {
	tree, err := tree()
	if err != nil {
		return nil, err
	}
	return ofDebian(tree, tree.JDKs[len(tree.JDKs)-1].Name), nil
})

// ofDebian returns a JDK of Debian sid, in the root file system of the end-to-end tests, as the C
// library of this machine may be too old for it. Its mounts end with the process. It shares
// /tmp with this machine, where the workload is.
func ofDebian(tree *debian.Tree, name string) *jdk {
	const script = `
		mount --bind "$2" "$1/opt/jdk"
		mount --rbind /dev "$1/dev"
		mount --rbind /proc "$1/proc"
		mount --rbind /sys "$1/sys"
		mount --bind /tmp "$1/tmp"
		root="$1"
		shift 3
		exec chroot "$root" /opt/jdk/bin/java "$@"`
	return &jdk{
		name: name,
		wrap: []string{"unshare", "--mount", "sh", "-ec", script, "sh", tree.Base(), filepath.Join(tree.JDKFolder(), name)},
		// Debian's JRE has the module but not the launcher.
		jcmd: func(j *jvmtest.JVM, command string) []string {
			pid := strconv.Itoa(j.PID)
			return append([]string{"nsenter", "--target", pid, "--mount", "--root", "--wd", "/opt/jdk/bin/java", "-Xms8m",
				"--module", "jdk.jcmd/sun.tools.jcmd.JCmd", pid}, strings.Fields(command)...)
		},
	}
}

// start starts a JVM with G1, a number of threads and a size of touched heap.
func (d *jdk) start(t *testing.T, threads, heapMiB int, flags ...string) *jvmtest.JVM {
	t.Helper()
	size := fmt.Sprintf("%dm", heapMiB+heapMiB/8+64)
	flags = append([]string{"-XX:+UseG1GC", "-Xms" + size, "-Xmx" + size, "-XX:NativeMemoryTracking=summary"}, flags...)
	j := jvmtest.Start(t, jvmtest.Options{JVMFlags: flags, Wrap: d.wrap})
	j.Do(fmt.Sprint("heap ", heapMiB))
	j.Do(fmt.Sprintf("threads %d 64", threads))
	return j
}

// addMappings adds mappings to a JVM until it has count.
func addMappings(t *testing.T, j *jvmtest.JVM, count int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	if missing := count - strings.Count(string(maps), "\n"); missing > 0 {
		j.Do(fmt.Sprintf("mappings %s %d", filepath.Join(t.TempDir(), "page"), missing))
	}
}

// version returns the full version that a JVM reports: "17.0.15+6-Debian-1deb12u1".
func version(t *testing.T, j *jvmtest.JVM) string {
	t.Helper()
	reply, err := attach.New(attach.Target{PID: j.PID}, attach.Options{}).Do(t.Context(), attach.VMVersion)
	if err != nil {
		t.Fatal(err)
	}
	// OpenJDK 64-Bit Server VM version 17.0.15+6-Debian-1deb12u1
	line, _, _ := strings.Cut(reply.Text, "\n")
	_, of, found := strings.Cut(line, " version ")
	if !found {
		t.Fatalf("no version in %q", reply.Text)
	}
	return of
}

// target returns a JVM with its version, after the handshake.
func target(t *testing.T, j *jvmtest.JVM) attach.Target {
	t.Helper()
	major, err := strconv.Atoi(feature(version(t, j)))
	if err != nil {
		t.Fatal(err)
	}
	return attach.Target{PID: j.PID, MajorVersion: major}
}

// feature returns "28" for "28-ea+18-1-Debian".
func feature(version string) string {
	return version[:len(version)-len(strings.TrimLeft(version, "0123456789"))]
}
