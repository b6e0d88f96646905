package jvmtest

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

//go:embed workload/*.java
var classSources embed.FS

func findJava(tb testing.TB, home string) string {
	tb.Helper()
	if home == "" {
		home = os.Getenv("JAVA_HOME")
	}
	path, err := findTool("java", home)
	if err != nil {
		tb.Fatalf("jvmtest: no JVM: install one (Debian: apt-get install default-jdk-headless) or set JAVA_HOME: %v", err)
	}
	return path
}

// findTool returns a program of the JDK at home, or of PATH where home is "".
func findTool(name, home string) (string, error) {
	if home != "" {
		name = filepath.Join(home, "bin", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// findJavac returns the compiler beside java, or where that is "" or has none,
// the one of JAVA_HOME or PATH.
func findJavac(java string) (string, error) {
	if java != "" {
		javac := filepath.Join(filepath.Dir(java), "javac")
		if _, err := os.Stat(javac); err == nil {
			return javac, nil
		}
	}
	javac, err := findTool("javac", os.Getenv("JAVA_HOME"))
	if err != nil {
		return "", fmt.Errorf("install a JDK (Debian: apt-get install default-jdk-headless) or set JAVA_HOME: %w", err)
	}
	return javac, nil
}

// Classes returns a class path with the class Workload for the given java,
// readable by every user. It is compiled once for each source and compiler, and
// kept in the temporary folder.
func Classes(tb testing.TB, java string) string {
	tb.Helper()
	dir, err := cachedClasses(java)
	if err != nil {
		tb.Fatalf("jvmtest: %v", err)
	}
	return dir
}

func cachedClasses(java string) (string, error) {
	javac, err := findJavac(java)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(javac)
	if err != nil {
		return "", err
	}
	sources, err := javaSources()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %v %q %q", javac, info.ModTime(), javacOptions(javac), sources))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("jvmtest-%d-%s", os.Getuid(), hex.EncodeToString(key[:8])))
	if info, err := os.Lstat(dir); err == nil {
		// Anyone can make a folder in /tmp; run only what this user compiled.
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() {
			return "", fmt.Errorf("%s is not a folder of this user", dir)
		}
		return dir, nil
	}
	fresh, err := os.MkdirTemp("", "jvmtest-compile-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // moved away, or left to the system
	if err := compileClasses(javac, fresh); err != nil {
		return "", err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	// Another test binary may have been faster: its folder holds the same.
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
		return "", err
	}
	return dir, nil
}

// compileClasses leaves the sources in dir too.
func compileClasses(javac, dir string) error {
	sources, err := javaSources()
	if err != nil {
		return err
	}
	args := append(javacOptions(javac), "-d", dir)
	for name, text := range sources {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		args = append(args, file)
	}
	return run(exec.Command(javac, args...))
}

// javacOptions are those for class files of version 8, which every JDK runs.
// -g:none: no debug tables in metaspace.
func javacOptions(javac string) []string {
	options := []string{"-nowarn", "-g:none"}
	if _, err := os.Stat(filepath.Join(filepath.Dir(javac), "..", "lib", "tools.jar")); err != nil { // is in JDK 8
		options = append(options, "-Xlint:-options", "--release", "8")
	}
	return options
}

// javaSources returns the texts of all classes by the names of their files.
func javaSources() (map[string][]byte, error) {
	sources := map[string][]byte{"Big.java": bigSource(), "Jit.java": jitSource()}
	entries, err := classSources.ReadDir("workload")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if sources[entry.Name()], err = classSources.ReadFile("workload/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	return sources, nil
}
