package e2e

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jvmem/jvmem/e2e/docker"
)

const (
	jvmImage     = "jvm"
	sidecarImage = "jvmem"

	binary  = "../bin/jvmem"
	jdkPath = "/opt/jdk" // in the image
)

func makeImages(ctx context.Context, d *docker.Daemon) error {
	err := d.Import(ctx, sidecarImage, []string{`ENTRYPOINT ["/jvmem"]`}, func(archive *tar.Writer) error {
		return docker.AddFile(archive, "jvmem", binary) // and nothing else: FROM scratch
	})
	if err != nil {
		return fmt.Errorf("make the sidecar's image (make build makes %s): %w", binary, err)
	}
	java, err := findJava()
	if err != nil {
		return fmt.Errorf("find a JDK (JAVA_HOME, else java of PATH): %w", err)
	}
	err = d.Import(ctx, jvmImage, nil, func(archive *tar.Writer) error {
		return writeJVM(archive, filepath.Dir(filepath.Dir(java)))
	})
	if err != nil {
		return fmt.Errorf("make the JVM's image: %w", err)
	}
	return nil
}

// findJava returns bin/java of the JDK, as jvmtest does.
func findJava() (string, error) {
	name := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		name = filepath.Join(home, "bin/java")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// writeJVM makes an image of a JDK, a few programs, and what they link to.
func writeJVM(archive *tar.Writer, home string) error {
	programs := []string{"/bin/sh", "/usr/bin/tail", "/usr/bin/sleep"}
	linked := append([]string{}, programs...)
	for _, name := range []string{"bin/java", "lib/jspawnhelper", "lib/server/libjvm.so", "lib/libzip.so"} {
		linked = append(linked, filepath.Join(home, name))
	}
	libraries, err := docker.Libraries(linked...)
	if err != nil {
		return err
	}
	for _, file := range append(programs, libraries...) {
		if strings.HasPrefix(file, home) {
			continue
		}
		if err := docker.AddFile(archive, file, file); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		// The JVM names the folder of its counters after the user.
		"etc/passwd":  "root:x:0:0::/:\napp:x:10001:10001::/:\n",
		"etc/group":   "root:x:0:\napp:x:10001:\n",
		"tmp/.keep":   "", // where folders are mounted
		"data/.keep":  "",
		"app/.keep":   "",
		"etc/release": "made by jvmem's end-to-end tests\n",
	} {
		if err := docker.AddText(archive, name, text); err != nil {
			return err
		}
	}
	return docker.AddTree(archive, jdkPath, home, func(path string) bool {
		switch first, rest, _ := strings.Cut(path, "/"); first {
		case ".", "release":
			return false
		case "bin":
			return rest != "" && rest != "java"
		case "conf", "lib":
			return rest == "src.zip" || rest == "ct.sym" // large, for compilers
		}
		return true
	})
}
