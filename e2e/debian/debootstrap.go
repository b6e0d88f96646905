package debian

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const mirror = "http://deb.debian.org/debian"

// download downloads packages of an architecture and their dependencies that dir lacks. It
// returns the files by package name.
func download(ctx context.Context, dir, arch string, packages []string) (map[string]string, error) {
	_, err := run(ctx, "debootstrap", "--download-only", "--force-check-gpg", "--arch="+arch, "--variant=minbase",
		"--include="+strings.Join(packages, ","), "sid", dir, mirror)
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, "debootstrap/debpaths"))
	if err != nil {
		return nil, err
	}
	debs := make(map[string]string)
	for line := range strings.Lines(string(list)) {
		name, path, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found {
			return nil, fmt.Errorf("debootstrap's list of packages has the line %q", line)
		}
		debs[name] = filepath.Join(dir, path)
	}
	return debs, nil
}

// unpack extracts the files of a package to a folder.
func unpack(ctx context.Context, deb, dir string) error {
	_, err := run(ctx, "dpkg-deb", "--extract", deb, dir)
	return err
}

// available returns the JDKs for the tests that sid has according to the index that
// debootstrap stored in dir.
func available(dir string) ([]int, error) {
	indexes, err := filepath.Glob(filepath.Join(dir, "var/lib/apt/lists/*_Packages"))
	if err != nil {
		return nil, err
	}
	if len(indexes) != 1 {
		return nil, fmt.Errorf("debootstrap left %d package indexes in %s", len(indexes), dir)
	}
	file, err := os.Open(indexes[0])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseFeatures(file)
}

// parseFeatures returns the feature versions of the JDKs in a package index: the required
// ones and all newer ones. It is an error if a required one or a newer one is missing.
func parseFeatures(index io.Reader) ([]int, error) {
	newest := required[len(required)-1]
	var features []int
	lines := bufio.NewScanner(index)
	lines.Buffer(nil, 1<<20) // lists of dependencies are long lines
	for lines.Scan() {
		number, isJDK := strings.CutSuffix(strings.TrimPrefix(lines.Text(), "Package: openjdk-"), "-jre-headless")
		if !isJDK {
			continue
		}
		feature, err := strconv.Atoi(number)
		if err != nil {
			continue // another package
		}
		if feature > newest || slices.Contains(required, feature) {
			features = append(features, feature)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	slices.Sort(features)
	for _, feature := range required {
		if !slices.Contains(features, feature) {
			return nil, fmt.Errorf("sid has no openjdk-%d-jre-headless, which the tests need", feature)
		}
	}
	if features[len(features)-1] == newest {
		return nil, fmt.Errorf("sid has no openjdk-N-jre-headless newer than %d, which the tests need", newest)
	}
	return features, nil
}
