package debian

import (
	"encoding/json"
	"fmt"
	"os"
)

// ManifestName is the name of the manifest in the folder of the JDKs.
const ManifestName = "manifest.json"

// JDK is a JDK of sid, or a JRE linked from one.
type JDK struct {
	// Name of its folder: "21", "17-no-attach".
	Name string
	// Version is the full version that the JVM reports: "21.0.13+3", "1.8.0_504-b08".
	Version string
	// Feature is the feature version: 8, 21.
	Feature int
	// NoAttach is true for a JRE without the modules jdk.attach and jdk.jcmd.
	NoAttach bool `json:",omitempty"`
	// Collectors that started.
	Collectors []Collector
}

// Collector is a garbage collector.
type Collector struct {
	// Name is Serial, Parallel, G1, ZGC, GenZGC (if generations of ZGC are optional) or
	// Shenandoah.
	Name string
	// Flags select it.
	Flags []string
}

// ReadManifest returns the JDKs in its folder, the oldest first.
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
