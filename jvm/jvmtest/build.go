package jvmtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

var (
	//go:embed workload/workload.c
	librarySource []byte
	//go:embed workload/launcher.c
	launcherSource []byte
)

// Build makes the whole workload in the folder dir, readable by every user: the
// classes, which every JDK from 8 on runs; libworkload.so, the JNI library; and
// launcher. It needs gcc and the JDK of JAVA_HOME or PATH. What gcc makes needs
// the C library of this machine or a newer one.
func Build(dir string) error {
	javac, err := findJavac("")
	if err != nil {
		return err
	}
	if err := compileClasses(javac, dir); err != nil {
		return err
	}
	include := filepath.Join(filepath.Dir(filepath.Dir(javac)), "include")
	if _, err := os.Stat(filepath.Join(include, "jni.h")); err != nil {
		return fmt.Errorf("the JDK lacks jni.h; install a whole one (Debian: apt-get install default-jdk-headless): %w", err)
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		return fmt.Errorf("install gcc and its headers (Debian: apt-get install gcc libc6-dev): %w", err)
	}
	compile := func(source []byte, output string, options ...string) error {
		gcc := exec.Command("gcc", append(options, "-O2", "-Wall", "-Werror", "-I", include, "-I", filepath.Join(include, "linux"),
			"-o", filepath.Join(dir, output), "-xc", "-")...)
		gcc.Stdin = bytes.NewReader(source)
		return run(gcc)
	}
	if err := compile(librarySource, "libworkload.so", "-shared", "-fPIC", "-pthread"); err != nil {
		return err
	}
	return compile(launcherSource, "launcher")
}

// run runs a compiler; its error has the compiler's output.
func run(compiler *exec.Cmd) error {
	if out, err := compiler.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the workload: %s: %w\n%s", compiler.Path, err, out)
	}
	return nil
}
