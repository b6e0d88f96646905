package debian

import (
	"encoding/json"
	"fmt"
	"os"
)

// ManifestName is the name of the file in the JDKs' folder that ReadManifest
// reads.
const ManifestName = "manifest.json"

// JDK is one that sid has, or that was made of it.
type JDK struct {
	// Name is that of its folder: "21", "17-no-attach".
	Name string
	// Version is the whole of it, as the JVM says: "21.0.13+3", "1.8.0_504-b08".
	Version string
	// Feature is the number that it is known by: 8, 21.
	Feature int
	// NoAttach is said of a JRE without the modules jdk.attach and jdk.jcmd; the
	// others are whole.
	NoAttach bool `json:",omitempty"`
	// Collectors are those that started.
	Collectors []Collector
}

// Collector is a garbage collector.
type Collector struct {
	// Name is Serial, Parallel, G1, ZGC, GenZGC (where ZGC has generations only
	// when told to) or Shenandoah.
	Name string
	// Flags choose it.
	Flags []string
}

// ReadManifest reads what says which JDKs are in its folder, the oldest first.
func ReadManifest(path string) ([]JDK, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var jdks []JDK
	if err := json.Unmarshal(text, &jdks); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return jdks, nil
}

func writeManifest(path string, jdks []*JDK) error {
	text, err := json.MarshalIndent(jdks, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
