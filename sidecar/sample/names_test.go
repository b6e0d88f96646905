package sample

import (
	"strings"
	"testing"

	"github.com/jvmem/jvmem/cgroup"
)

// TestNames: each step has the containers with a JVM, and in parentheses those whose JVM
// has ended while another process runs; the one with the name is marked.
func TestNames(t *testing.T) {
	for name, tt := range map[string]struct {
		steps     []string
		ambiguous bool // in the end
	}{
		"alone":                         {steps: []string{"a*", "a*"}},
		"a second one comes":            {steps: []string{"a*", "a* b", "a* b"}},
		"none, then one":                {steps: []string{"", "a*", "a* b"}},
		"the second replaces the first": {steps: []string{"a*", "", "b*"}},
		"at once":                       {steps: []string{"a*", "b*"}},
		"the other one stays alone":     {steps: []string{"a*", "a* b", "b", "b"}},
		"replaced beside another":       {steps: []string{"a*", "a* b", "b", "b c*", "c*"}},
		"JVM restarted in place":        {steps: []string{"a*", "(a)", "a*", "a* b", "(a) b", "(a) b c", "a* b c"}},
		"two from the start":            {steps: []string{"a b", "a b"}, ambiguous: true},
		"two from the start, one ends":  {steps: []string{"a b", "a", "a c"}, ambiguous: true},
		"two, then another alone":       {steps: []string{"a b", "a", "", "c*"}},
		"two replacements":              {steps: []string{"a*", "b c", "b c"}, ambiguous: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := names{name: "app"}
			for i, step := range tt.steps {
				containers, processes := make(map[cgroup.Path]*container), make(map[int]cgroup.Path)
				want := cgroup.Path{}
				for pid, word := range strings.Fields(step) {
					path := cgroup.Path{Version: 2, Name: "/" + strings.Trim(word, "*()")}
					processes[pid+1] = path
					if !strings.HasPrefix(word, "(") {
						containers[path] = &container{path: path}
					}
					if strings.HasSuffix(word, "*") {
						want = path
					}
				}
				n.update(containers, processes)
				got := cgroup.Path{}
				for path := range containers {
					if n.of(path) == "app" {
						got = path
					}
				}
				if got != want {
					t.Errorf("step %d, %q: %v has the name", i+1, step, got)
				}
			}
			if source := n.source(); (source != nil) != tt.ambiguous || source != nil && (source.OK || source.Fix == "" || !strings.Contains(source.Reason, `"app"`)) {
				t.Errorf("source %+v", source)
			}
		})
	}
	none := names{}
	none.update(map[cgroup.Path]*container{{Name: "/a"}: {}, {Name: "/b"}: {}}, nil)
	if none.source() != nil || none.of(cgroup.Path{Name: "/a"}) != "" {
		t.Error("without --container-name")
	}
}
