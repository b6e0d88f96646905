package sidecar

// Setting is how a sidecar runs.
type Setting struct {
	Name  string
	Flags []string
}

// Settings returns the two by which verdicts are measured: with the defaults, a verdict of growth
// takes 10 minutes and more, without a CPU limit one.
func Settings() []Setting {
	return []Setting{
		{"defaults", nil},
		{"1 s, no CPU limit", []string{"--interval", "1s", "--max-cpu", "0"}},
	}
}
