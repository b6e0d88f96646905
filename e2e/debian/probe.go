package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The collectors to try on every JDK. HotSpot has the flag for generations of ZGC only while
// they are optional.
var collectors = []Collector{
	{"Serial", []string{"-XX:+UseSerialGC"}},
	{"Parallel", []string{"-XX:+UseParallelGC"}},
	{"G1", []string{"-XX:+UseG1GC"}},
	{"ZGC", []string{"-XX:+UseZGC"}},
	{"GenZGC", []string{"-XX:+UseZGC", "-XX:+ZGenerational"}},
	{"Shenandoah", []string{"-XX:+UseShenandoahGC"}},
}

// tryJDKs starts every JDK in the environment of the tests and writes the manifest.
func (b *builder) tryJDKs(ctx context.Context) error {
	if err := each(ctx, b.jdks, b.try); err != nil {
		return err
	}
	return writeManifest(b.path(jdkName, ManifestName), b.jdks)
}

func (b *builder) try(ctx context.Context, jdk *JDK) error {
	if jdk.NoAttach {
		if err := b.linkNoAttach(ctx, jdk); err != nil {
			return err
		}
	}
	version, err := b.java(ctx, jdk, "-Xshare:on", "-version")
	if err != nil { // create the archive that the package lacks
		if _, err := b.java(ctx, jdk, "-Xshare:dump"); err != nil {
			return err
		}
		if version, err = b.java(ctx, jdk, "-Xshare:on", "-version"); err != nil {
			return err
		}
	}
	if jdk.Version, err = parseVersion(version); err != nil {
		return err
	}
	for _, collector := range collectors {
		for _, flags := range [][]string{collector.Flags, slices.Concat([]string{"-XX:+UnlockExperimentalVMOptions"}, collector.Flags)} {
			ok, err := b.starts(ctx, jdk, flags)
			if err != nil {
				return err
			}
			if ok {
				jdk.Collectors = append(jdk.Collectors, Collector{collector.Name, flags})
				break
			}
		}
	}
	return nil
}

// starts reports whether a JVM starts with all flags enabled. An unknown flag is not an
// error.
func (b *builder) starts(ctx context.Context, jdk *JDK, flags []string) (bool, error) {
	text, err := b.java(ctx, jdk, slices.Concat(flags, []string{"-Xmx64m", "-XX:+PrintFlagsFinal", "-version"})...)
	if err != nil {
		if regexp.MustCompile("Unrecognized VM option|is experimental|not supported").MatchString(text) {
			return false, nil
		}
		return false, err
	}
	for _, flag := range flags {
		on := strings.TrimPrefix(flag, "-XX:+") + ` +:?= true` // := on JDK 8, where it is not the default
		if !regexp.MustCompile(on).MatchString(text) {
			return false, nil // an obsolete flag is ignored
		}
	}
	return true, nil
}

// parseVersion returns the version in the output of java -version:
//
//	(build 21.0.13.0.3+1-1-Debian), (build 11.0.33-ea+8-post-1-Debian), (build 1.8.0_504-8u504-ga-1-b01)
func parseVersion(text string) (string, error) {
	match := regexp.MustCompile(`\(build ([^)+]+(?:\+\d+)?)`).FindStringSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("no version in %q", text)
	}
	return match[1], nil
}

// linkNoAttach links a JRE of a few modules with the jlink module of the JRE.
func (b *builder) linkNoAttach(ctx context.Context, jdk *JDK) error {
	whole := &JDK{Name: fmt.Sprint(jdk.Feature)}
	_, err := b.java(ctx, whole, "--module", "jdk.jlink/jdk.tools.jlink.internal.Main",
		"--module-path", filepath.Join(scratchInBase, jdk.Name, home(jdk.Feature), "jmods"),
		"--add-modules", "java.base,java.management,jdk.unsupported",
		"--no-header-files", "--no-man-pages",
		"--output", filepath.Join(scratchInBase, "linked"))
	if err != nil {
		return err
	}
	linked := filepath.Join(b.scratch, "linked")
	if err := removeBelow(linked, jdkUnused); err != nil {
		return err
	}
	return os.Rename(linked, b.jdk(jdk))
}
