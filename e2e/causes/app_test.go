package causes

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// libraries are the jars of the application and the Debian packages that bring them.
var libraries = [][2]string{
	{"netty-buffer", "libnetty-java"}, {"netty-common", "libnetty-java"}, {"netty-transport", "libnetty-java"}, {"netty-resolver", "libnetty-java"},
	{"guava", "libguava-java"}, {"groovy-all", "groovy"}, {"h2", "libh2-java"},
	{"spring3-aop", "libspring-aop-java"}, {"spring3-core", "libspring-core-java"}, {"spring3-context", "libspring-context-java"},
	{"spring3-beans", "libspring-beans-java"}, {"aopalliance", "libaopalliance-java"}, {"commons-logging", "libcommons-logging-java"},
}

// app is the application in a folder below /tmp, compiled for JDK 8.
type app struct {
	dir  string
	tree *debian.Tree
}

// build compiles the application and copies its libraries: those of this machine cannot be
// seen in the root file system of the JDKs.
func build(ctx context.Context) (*app, error) {
	tree, err := debian.Get(ctx, *need)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "jvmem-causes-")
	if err != nil {
		return nil, err
	}
	a := &app{dir: dir, tree: tree}
	if err := os.Chmod(dir, 0o755); err != nil {
		return a, err
	}
	for _, library := range libraries {
		if err := a.copyLibrary(library[0], library[1]); err != nil {
			return a, err
		}
	}
	sources, err := filepath.Glob("app/com/acme/shop/*.java")
	if err != nil {
		return a, err
	}
	arguments := append([]string{"--release", "8", "-nowarn", "-Xlint:-options", "-cp", filepath.Join(dir, "lib", "*"), "-d", a.classes()}, sources...)
	if out, err := exec.CommandContext(ctx, "javac", arguments...).CombinedOutput(); err != nil {
		return a, fmt.Errorf("javac: %w\n%s", err, out)
	}
	return a, nil
}

func (a *app) classes() string { return filepath.Join(a.dir, "classes") + "/" }

func (a *app) copyLibrary(name, debianPackage string) error {
	from := filepath.Join("/usr/share/java", name+".jar")
	if _, err := os.Stat(from); err != nil {
		if out, err := exec.Command(*need, from, debianPackage).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w\n%s", debianPackage, err, out)
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	to := filepath.Join(a.dir, "lib", name+".jar")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}

// inRoot runs java of a JDK in the root file system of the end-to-end tests, with the /tmp of
// this machine: its arguments are the base, the JDK, the java to replace and what follows.
const inRoot = `
	mount --bind "$2" "$1/opt/jdk"
	mount --rbind /dev "$1/dev"
	mount --rbind /proc "$1/proc"
	mount --rbind /sys "$1/sys"
	mount --bind /tmp "$1/tmp"
	root="$1"
	shift 3
	exec chroot "$root" /opt/jdk/bin/java "$@"`

// start returns the running application, of which most of the leak has happened.
func (a *app) start(t *testing.T, jdk int, leak string, before int, rate float64, flags ...string) *jvmtest.JVM {
	t.Helper()
	return a.startLimited(t, jdk, 0, leak, before, rate, flags...)
}

// startLimited is start with a limit of the container; 0: none.
func (a *app) startLimited(t *testing.T, jdk int, limitBytes int64, leak string, before int, rate float64, flags ...string) *jvmtest.JVM {
	t.Helper()
	return jvmtest.Start(t, jvmtest.Options{
		LimitBytes: limitBytes,
		Wrap:       []string{"unshare", "--mount", "sh", "-ec", inRoot, "sh", a.tree.Base(), filepath.Join(a.tree.JDKFolder(), strconv.Itoa(jdk))},
		JVMFlags: append([]string{
			"-Xmx384m", "-Dshop.classes=" + a.classes(), "-Dshop.leak=" + leak, fmt.Sprint("-Dshop.before=", before), fmt.Sprint("-Dshop.rate=", rate),
		}, flags...),
		ClassPath: a.classes() + ":" + filepath.Join(a.dir, "lib", "*"),
		Class:     "com.acme.shop.Main",
	})
}

// truth returns the lines that the application printed.
func truth(j *jvmtest.JVM) []string {
	var lines []string
	for line := range strings.Lines(j.Output()) {
		if text, ok := strings.CutPrefix(line, "TRUTH "); ok {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

// longestPause returns the longest pause of a thread of the application since the last call.
func longestPause(j *jvmtest.JVM) time.Duration {
	return time.Duration(jvmtest.Numbers(j.Do("longest"))["longest_us"]) * time.Microsecond
}
