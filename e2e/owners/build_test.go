package owners

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/e2e/debian"
)

// What the programs need of Debian: a file of each, and the packages.
const (
	javaFolder    = "/usr/share/java/"
	libraryFolder = "/usr/lib/x86_64-linux-gnu/"
	packages      = "g++ libc6-dev default-jdk-headless fonts-dejavu-core libjna-java libzstd-jni-java libxerial-sqlite-jdbc-java liblz4-java " +
		"libxapian-java libxapian-jni libdb5.3-java libdb5.3-java-jni libzmq-java libzmq-jni libnetty-tcnative-java libnetty-tcnative-jni " +
		"librocksdb-dev libleveldb-dev libicu-dev libarchive13 libxml2 libexpat1 libpcre2-8-0 libsqlite3-0 liblz4-1 libjemalloc2"
)

var (
	jars = []string{"jna", "zstd-jni", "db", "xapian", "zmq", "netty-tcnative", "lz4-java", "xerial-sqlite-jdbc"}
	// shared are the libraries of the programs that also run on the JDKs of sid.
	shared = []string{jnidispatch, "jni/libsqlitejdbc.so", "librocksdb.so", "libssl.so.3"}
	needed = []string{"g++", "javac", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", libraryFolder + "libicui18n.so", libraryFolder + "libleveldb.so", libraryFolder + "libjemalloc.so.2",
		libraryFolder + "jni/libxapian_jni.so", libraryFolder + "libdb_java-5.3.so", libraryFolder + "jni/libjzmq.so", libraryFolder + tcnative}
)

// These have other names in Debian than their code expects.
const (
	tcnative    = "jni/libnetty-tcnative.so"
	jnidispatch = "jni/libjnidispatch.system.so"
)

// app is a folder with all classes, jars and libraries.
type app struct {
	dir  string
	tree *debian.Tree
}

// build fills the folder.
func build(dir string, tree *debian.Tree) (*app, error) {
	a := &app{dir: dir, tree: tree}
	files := slices.Clone(needed)
	for _, jar := range jars {
		files = append(files, javaFolder+jar+".jar")
	}
	for _, library := range shared {
		files = append(files, libraryFolder+library)
	}
	if err := execute(*need, strings.Join(files, " "), packages); err != nil {
		return nil, err
	}
	for _, step := range []func() error{a.copyFiles, a.compileJava, a.compileNative} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return a, os.Chmod(dir, 0o755)
}

func execute(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func (a *app) library(name string) string { return filepath.Join(a.dir, "lib", name) }

// copyFiles copies what the programs need in another root file system.
func (a *app) copyFiles() error {
	const jnaFolder = "com/sun/jna/linux-x86-64" // of the class path
	for _, folder := range []string{"jars", "lib", jnaFolder} {
		if err := os.MkdirAll(filepath.Join(a.dir, folder), 0o755); err != nil {
			return err
		}
	}
	for _, jar := range jars {
		if err := copyFile(javaFolder+jar+".jar", filepath.Join(a.dir, "jars", jar+".jar")); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{tcnative: "lib/libnetty_tcnative.so", jnidispatch: jnaFolder + "/libjnidispatch.so"} {
		if err := copyFile(libraryFolder+from, filepath.Join(a.dir, to)); err != nil {
			return err
		}
	}
	for _, library := range shared {
		if err := a.copyLibrary(libraryFolder + library); err != nil {
			return err
		}
	}
	return nil
}

// copyLibrary copies a library and those that it needs, unless sid's root file system has
// them.
func (a *app) copyLibrary(path string) error {
	imports, err := exec.Command("ldd", path).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", path, err)
	}
	paths := []string{path}
	for line := range strings.Lines(string(imports)) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == "=>" {
			paths = append(paths, words[2])
		}
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join(a.tree.Base(), libraryFolder, filepath.Base(path))); err == nil {
			continue
		}
		if err := copyFile(path, a.library(filepath.Base(path))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// compileJava makes class files of version 8. --release would hide Unsafe.
func (a *app) compileJava() error {
	sources, err := filepath.Glob("testdata/*.java")
	if err != nil {
		return err
	}
	args := []string{"-nowarn", "-XDignore.symbol.file", "-Xlint:-options", "-source", "8", "-target", "8", "-d", a.dir, "-cp", filepath.Join(a.dir, "jars", "*")}
	return execute("javac", append(args, sources...)...)
}

func (a *app) compileNative() error {
	javac, err := exec.LookPath("javac")
	if err != nil {
		return err
	}
	if javac, err = filepath.EvalSymlinks(javac); err != nil {
		return err
	}
	include := filepath.Join(filepath.Dir(filepath.Dir(javac)), "include")
	for _, c := range []struct{ compiler, source, library, options string }{
		{"gcc", "native.c", "libleaks.so", "-pthread"},
		{"g++", "shop.cpp", "libshop.so", "-g"},
		{"g++", "shop.cpp", "libshop-stripped.so", "-s -fvisibility=hidden -fvisibility-inlines-hidden"},
		{"g++", "shop.cpp", "libshop-nortti.so", "-s -fno-rtti -fvisibility=hidden"},
	} {
		args := append(strings.Fields(c.options), "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-I", include, "-I", filepath.Join(include, "linux"),
			"-o", a.library(c.library), filepath.Join("testdata", c.source))
		if err := execute(c.compiler, args...); err != nil {
			return err
		}
	}
	return nil
}
