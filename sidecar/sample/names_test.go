package sample

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/cgroup"
	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestNames: each step has the containers in which a JVM runs, and in parentheses those
// whose JVM has ended while another process runs; the one with the name is marked.
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
		"replaced before all has ended": {steps: []string{"a*", "(a)", "(a) b", "b*"}},
		"replaced so beside another":    {steps: []string{"a*", "a* c", "(a) c", "(a) b c", "b* c"}},
		"two replacements, a bit early": {steps: []string{"a*", "(a) b", "(a) b c", "b c"}, ambiguous: true},
		"restarted in place after all":  {steps: []string{"a*", "(a) b", "a* b", "b"}},
		"JVM restarted in place":        {steps: []string{"a*", "(a)", "a*", "a* b", "(a) b", "(a) b c", "a* b c"}},
		"two from the start":            {steps: []string{"a b", "a b"}, ambiguous: true},
		"two from the start, one ends":  {steps: []string{"a b", "a", "a c"}, ambiguous: true},
		"two, then another alone":       {steps: []string{"a b", "a", "", "c*"}},
		"two replacements":              {steps: []string{"a*", "b c", "b c"}, ambiguous: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := names{name: "app"}
			for i, step := range tt.steps {
				running, processes := make(map[cgroup.Path]bool), make(map[int]cgroup.Path)
				want := cgroup.Path{}
				for pid, word := range strings.Fields(step) {
					path := cgroup.Path{Version: 2, Name: "/" + strings.Trim(word, "*()")}
					processes[pid+1] = path
					if !strings.HasPrefix(word, "(") {
						running[path] = true
					}
					if strings.HasSuffix(word, "*") {
						want = path
					}
				}
				n.update(running, processes)
				got := cgroup.Path{}
				for path := range running {
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
	none.update(map[cgroup.Path]bool{{Name: "/a"}: true, {Name: "/b"}: true}, nil)
	if none.source() != nil || none.of(cgroup.Path{Name: "/a"}) != "" {
		t.Error("without --container-name")
	}
}

// addJVM adds a JVM like the fake one, with a PID that is not in use.
func addJVM(t *testing.T, f *jvmtest.Fake, pid int, cgroup, mounts string) {
	t.Helper()
	dir, of := filepath.Join(t.TempDir(), "jvm"), strconv.Itoa(f.PID)
	fake := jvmtest.NewUnsignalled(t) // f may have a socket, which cannot be copied
	fake.SetThreads("main")
	fake.SetCgroup(cgroup)
	fake.SetMounts(mounts)
	err := errors.Join(
		os.CopyFS(dir, os.DirFS(filepath.Join(fake.Proc, of))),
		os.Rename(filepath.Join(dir, "task", of), filepath.Join(dir, "task", strconv.Itoa(pid))),
		os.Rename(dir, filepath.Join(f.Proc, strconv.Itoa(pid))),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// TestKubeletNames: each container of jvmem's own pod has the name that kubelet gave it,
// whatever --container-name is. A part of a container that has a cgroup of its own is not
// another container of that name.
func TestKubeletNames(t *testing.T) {
	mounts := func(pod, name string) string {
		return "2783 2777 8:1 /var/lib/kubelet/pods/" + pod + "/containers/" + name + "/3404dd90 /dev/termination-log rw - ext4 /dev/sda1 rw\n"
	}
	path := func(pod, digit string) string { return "4:memory:/kubepods/pod" + pod + "/" + id(digit) }
	f := jvmtest.NewUnsignalled(t)
	f.SetThreads("main")
	f.SetCgroup(path("own", "a") + "\n")
	f.SetMounts(mounts("own", "orders"))
	self := filepath.Join(f.Proc, "self")
	if err := errors.Join(os.Remove(self), os.Mkdir(self, 0o755), os.WriteFile(filepath.Join(self, "mountinfo"), []byte(mounts("own", "jvmem")), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Proc: f.Proc, ContainerName: "app"})
	defer s.Close()
	check := func(s *Sampler, want map[int]string) {
		t.Helper()
		r, err := s.Sample(t.Context())
		if err != nil || len(r.Containers) != len(want) || slices.ContainsFunc(r.Sources, func(s jvm.Source) bool { return s.Name == "container_name" }) {
			t.Errorf("%+v, %v", r, err)
		}
		for _, c := range r.Containers {
			if name := want[c.JVMs[0].PID]; c.Name != name {
				t.Errorf("%s has the name %q, want %q", c.Cgroup, c.Name, name)
			}
		}
	}
	check(s, map[int]string{f.PID: "orders"})
	const second, third, fourth, fifth = 1<<21 + 1, 1<<21 + 2, 1<<21 + 3, 1<<21 + 4
	addJVM(t, f, second, path("own", "b")+"\n", mounts("own", "stock"))
	addJVM(t, f, third, path("own", "a")+"/part\n", mounts("own", "orders"))
	addJVM(t, f, fourth, path("other", "c")+"\n", mounts("other", "orders"))
	addJVM(t, f, fifth, path("own", "d")+"\n", "")
	want := map[int]string{f.PID: "orders", second: "stock", third: "", fourth: "", fifth: ""}
	check(s, want)
	check(s, want)
	one := New(Options{Proc: f.Proc, PID: fourth})
	defer one.Close()
	check(one, map[int]string{fourth: "orders"})
}
