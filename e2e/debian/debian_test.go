package debian

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSettleLinks(t *testing.T) {
	root := t.TempDir()
	jdk := filepath.Join(root, "usr/lib/jvm/java")
	for _, dir := range []string{"etc/java", "usr/lib/jvm/java/bin", "usr/lib/jvm/java-17", "usr/share/doc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	built := time.Unix(1700000000, 0)
	for _, file := range []string{"etc/java/jvm.cfg", "usr/lib/jvm/java/bin/java", "usr/lib/jvm/java-17/near"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(root, file), built, built); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"etc/java/cfg":               "jvm.cfg",
		"usr/lib/jvm/java/within":    "bin/java",
		"usr/lib/jvm/java/absolute":  "/etc/java/jvm.cfg",
		"usr/lib/jvm/java/twice":     "/etc/java/cfg",
		"usr/lib/jvm/java/relative":  "../java-17/near",
		"usr/lib/jvm/java/inside":    "/usr/lib/jvm/java/bin/java",
		"usr/lib/jvm/java/docs":      "../../../share/doc",
		"usr/lib/jvm/java/cacerts":   "/etc/ssl/certs/java/cacerts",
		"usr/lib/jvm/java/bin/leads": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := settleLinks(root, jdk); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(jdk, filepath.Join(root, "moved")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"within":   "usr/lib/jvm/java/bin/java",
		"absolute": "etc/java/jvm.cfg",
		"twice":    "etc/java/jvm.cfg",
		"relative": "usr/lib/jvm/java-17/near",
		"inside":   "usr/lib/jvm/java/bin/java",
	} {
		path := filepath.Join(root, "moved", name)
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		if info, err := os.Lstat(path); err == nil && name != "within" && (!info.Mode().IsRegular() || !info.ModTime().Equal(built)) {
			t.Errorf("%s: %v of %v, want a file of %v", name, info.Mode(), info.ModTime(), built)
		}
	}
	for _, name := range []string{"docs", "cacerts", "bin/leads"} {
		if _, err := os.Lstat(filepath.Join(root, "moved", name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

func TestParseFeatures(t *testing.T) {
	index := func(packages ...string) string {
		return "Package: " + strings.Join(packages, "\nVersion: 1\n\nPackage: ") + "\n"
	}
	all := []string{"openjdk-11-jre-headless", "openjdk-17-jre-headless", "openjdk-21-jre-headless", "openjdk-24-jre-headless",
		"openjdk-25-jre-headless", "openjdk-26-jre", "openjdk-27-jre-headless", "openjdk-8-jre-headless", "openjdk-x-jre-headless"}
	features, err := parseFeatures(strings.NewReader(index(all...)))
	if want := []int{8, 11, 17, 21, 25, 27}; err != nil || !slices.Equal(features, want) {
		t.Errorf("got %v, %v; want %v", features, err, want)
	}
	for missing, want := range map[string]string{
		"openjdk-8-jre-headless":  "no openjdk-8-jre-headless",
		"openjdk-27-jre-headless": "newer than 25",
	} {
		rest := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == missing })
		if _, err := parseFeatures(strings.NewReader(index(rest...))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v, want an error with %q", missing, err, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"OpenJDK Runtime Environment (build 1.8.0_504-8u504-ga-1-b01)":       "1.8.0_504-8u504-ga-1-b01",
		"OpenJDK Runtime Environment (build 11.0.33-ea+8-post-1-Debian)":     "11.0.33-ea+8",
		"OpenJDK Runtime Environment (build 21.0.13.0.3+1-1-Debian)\nServer": "21.0.13.0.3+1",
	} {
		if got, err := parseVersion(text); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := parseVersion("Error: Could not create the Java Virtual Machine."); err == nil {
		t.Error("no error without a version")
	}
}

func TestManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), ManifestName)
	want := JDK{Name: "17-no-attach", Version: "17.0.21+3", Feature: 17, NoAttach: true, Collectors: []Collector{{"G1", []string{"-XX:+UseG1GC"}}}}
	if err := writeManifest(path, []*JDK{&want}); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadManifest(path); err != nil || !reflect.DeepEqual(got, []JDK{want}) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
