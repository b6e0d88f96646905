package jvmtest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

//go:embed Workload.java
var source []byte

func findJava(tb testing.TB, home string) string {
	tb.Helper()
	name := "java"
	if home == "" {
		home = os.Getenv("JAVA_HOME")
	}
	if home != "" {
		name = filepath.Join(home, "bin", "java")
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		tb.Fatalf("jvmtest: no JVM: install one (Debian: apt-get install default-jdk-headless) or set JAVA_HOME: %v", err)
	}
	return path
}

// Classes returns a class path with the class Workload for the given java,
// readable by every user. It is compiled once for each source and JDK, and kept
// in the temporary folder.
func Classes(tb testing.TB, java string) string {
	tb.Helper()
	dir, err := compile(java)
	if err != nil {
		tb.Fatalf("jvmtest: compile the workload (Debian: apt-get install default-jdk-headless has javac): %v", err)
	}
	return dir
}

func compile(java string) (string, error) {
	// The JDK's own javac, as no other writes its class version for sure.
	javac, args := filepath.Join(filepath.Dir(java), "javac"), []string{"-nowarn"}
	if _, err := os.Stat(javac); err != nil {
		// A runtime without a compiler: every version runs version 8.
		if javac, err = exec.LookPath("javac"); err != nil {
			return "", err
		}
		args = append(args, "--release", "8")
	}
	info, err := os.Stat(javac)
	if err != nil {
		return "", err
	}
	big := bigSource()
	key := sha256.Sum256(fmt.Appendf(nil, "%s %q %v\n%s%s", javac, args, info.ModTime(), source, big))
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
	for name, text := range map[string][]byte{"Workload.java": source, "Big.java": big} {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			return "", err
		}
		// -g:none: no debug tables in metaspace.
		file := filepath.Join(fresh, name)
		if out, err := exec.Command(javac, append(args, "-g:none", "-d", fresh, file)...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", javac, err, out)
		}
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

// bigSource returns a class whose size is bytecode of many methods: its metaspace
// is large, and defining it leaves little else behind.
func bigSource() []byte {
	const methods, statements = 400, 100
	b := []byte("public class Big {\n")
	for m := range methods {
		b = fmt.Appendf(b, "static int m%d(int x) {\n", m)
		for s := range statements {
			b = fmt.Appendf(b, "x = x * %d + %d;\n", 31+s, m)
		}
		b = append(b, "return x; }\n"...)
	}
	return append(b, "}\n"...)
}
