package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/docker"
	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
)

// scenario is a test outside the matrix.
type scenario struct {
	name string
	// test returns notes for the result.
	test  func(*testing.T, engine) []string
	alone bool // see unit
}

// scenarios returns the scenarios of an engine.
func scenarios(jdks []debian.JDK, full bool) []scenario {
	jdk := jdks[slices.IndexFunc(jdks, func(j debian.JDK) bool { return j.Name == "21" })].Name
	var all []scenario
	tests := map[string]func(*testing.T, engine, string){
		"access":              testAccess,
		"restarted container": testRestartedContainer,
		"restarted JVM":       testRestartedJVM,
		"two JVM containers":  testTwoContainers,
		"no JVM":              testNoJVM,
		"limit of the pod":    testPodLimit,
	}
	if *guest {
		maps.Copy(tests, faults)
	}
	for name, test := range tests {
		_, isFault := faults[name]
		all = append(all, scenario{strings.ReplaceAll(name, " ", "_"), func(t *testing.T, e engine) []string {
			test(t, e, jdk)
			return nil
		}, isFault})
	}
	for _, p := range []pace{fast, slow} {
		times := p.times
		if full {
			times = fullKills
		}
		all = append(all, scenario{p.name + "_kills", func(t *testing.T, e engine) []string { return testKills(t, e, jdk, p, times) }, true})
	}
	slices.SortFunc(all, func(a, b scenario) int { return strings.Compare(a.name, b.name) })
	return all
}

// testRestartedContainer kills the JVM's container and starts a new one, as kubelet does.
// The pause process owns the PID namespace, so the sidecar keeps running.
func testRestartedContainer(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	for range 2 {
		w := p.startJVM(jvmOptions{jdk: jdk, flags: trial.JVMFlags("G1", "summary")})
		checkContainer(t, "started", w, s.awaitJVMs(w).Only(t))
		w.kill()
		s.AwaitBreakdown("the JVM is gone", func(b *sidecar.Breakdown) bool {
			return len(b.Containers) == 0 && sidecar.Explained(b.Sources, "waiting for a JVM")
		})
	}
}

// testRestartedJVM has a container whose first process starts a JVM again.
func testRestartedJVM(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	w := p.startJVM(jvmOptions{jdk: jdk, flags: trial.JVMFlags("G1", "summary"), again: true})
	w.do("direct 32")
	before := s.awaitJVMs(w)
	w.send("exit")
	w.awaitReady()
	after := s.awaitJVMs(w)
	was, is := before.Only(t), after.Only(t)
	checkContainer(t, "again", w, is)
	if was.JVMs[0].PID == is.JVMs[0].PID {
		t.Errorf("the restarted JVM has the same PID %d", is.JVMs[0].PID)
	}
	if grew := *is.Row("native").Bytes - *was.Row("native").Bytes; grew > -28*mib {
		t.Errorf("native changed by %s, want -32: the memory of the first JVM is freed", trial.InMiB(grew))
	}
}

// testTwoContainers checks that each container is reported with its own memory, and that it
// has kubelet's name; on Docker, without kubelet, the one that was alone at first keeps the
// name that is configured.
func testTwoContainers(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	flags := trial.JVMFlags("G1", "summary")
	large := p.startJVM(jvmOptions{name: "large", jdk: jdk, flags: flags})
	names := map[string]string{"large": "large", "small": "small"}
	if _, isDocker := e.(*docker.Daemon); isDocker {
		names = map[string]string{"large": "app", "small": ""}
	}
	s.AwaitBreakdown("the name of the container that is alone", func(b *sidecar.Breakdown) bool {
		return len(b.Containers) == 1 && b.Containers[0].Name == names["large"]
	})
	small := p.startJVM(jvmOptions{name: "small", jdk: jdk, flags: flags})
	large.do("direct 64")
	large.do("child 32")
	r := s.awaitJVMs(large, small)
	seen := make(map[string]*sidecar.Container)
	for i := range r.Containers {
		seen[r.Containers[i].ID] = &r.Containers[i]
	}
	for _, w := range []*workload{large, small} {
		c := seen[w.id]
		checkContainer(t, w.name, w, c)
		if c.Name != names[w.name] {
			t.Errorf("%s has the name %q, want %q", w.name, c.Name, names[w.name])
		}
	}
	for row, want := range map[string]int64{"native": 64 * mib, "other_processes": 32 * mib} {
		more := *seen[large.id].Row(row).Bytes - *seen[small.id].Row(row).Bytes
		if abs(more-want) > 4*mib {
			t.Errorf("%s of the large one is %s more, want %s", row, trial.InMiB(more), trial.InMiB(want))
		}
	}
}

// testNoJVM has a pod without a JVM: serve reports that, and only breakdown fails.
func testNoJVM(t *testing.T, e engine, _ string) {
	p := startPod(t, e, pod.Options{})
	s := p.startSidecar(user)
	p.start(pod.Container{Name: "app", Image: jvmImage, User: user, Drop: []string{"ALL"}, Command: []string{"/bin/sleep", "infinity"}})
	if r := s.NextBreakdown(); len(r.Containers) != 0 || !sidecar.Explained(r.Sources, "waiting for a JVM") {
		t.Errorf("a pod without a JVM: %+v", r)
	}
	stdout, stderr, code := p.run(asUser(user, "breakdown"))
	if code != exitError || !strings.Contains(stderr, "no HotSpot JVM") {
		t.Errorf("exit code %d, want %d: %s%s", code, exitError, stdout, stderr)
	}
}

// testPodLimit has a pod with a memory limit of its own, as kubelet sets it.
func testPodLimit(t *testing.T, e engine, jdk string) {
	p := startPod(t, e, pod.Options{LimitBytes: limitBytes + 64*mib})
	s := p.startSidecar(user)
	w := p.startJVM(jvmOptions{jdk: jdk, flags: trial.JVMFlags("G1", "summary")})
	r := s.awaitJVMs(w)
	checkContainer(t, "in a pod with a limit", w, r.Only(t))

	// The same from the command in the sidecar, and as text.
	ran := s.exec()
	checkContainer(t, "exec", w, ran.Only(t))
	table, err := s.Get("/breakdown?format=text")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sidecar.RowNames(), "unattributed", "usage") {
		if !strings.Contains(string(table), name) {
			t.Errorf("the table lacks %s:\n%s", name, table)
		}
	}
}
