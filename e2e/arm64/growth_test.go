package arm64

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/result"
	"github.com/jvmem/jvmem/e2e/sidecar"
	"github.com/jvmem/jvmem/e2e/trial"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// The command run passes these.
var (
	binary  = flag.String("jvmem", "", "the binary under test")
	app     = flag.String("app", "", "folder of the workload")
	jdk     = flag.String("jdk", "", "folder of the JDK")
	results = flag.String("results", "", "file to append the results to, in JSON lines")
)

const (
	mib = 1 << 20
	// user has a name in the guest, which hsperfdata needs.
	user = 65534
	// dataDir and shmFile are in the commands of the workload.
	dataDir, shmFile = "/data", "/dev/shm/file"
)

// mode is a combination of sources.
type mode struct {
	name, nmt string
	flags     []string
	limits    trial.Limits
}

func modes() []mode {
	// Without attach, gc is unknown, and native has only malloc.
	without := trial.Limits{Share: 0.05, Slack: 4 * mib, Unknown: []string{"gc"}}
	const noAttach = "-XX:+DisableAttachMechanism"
	return []mode{
		{"NMT and attach", "summary", nil, trial.Limits{Share: 0.02, Slack: mib}},
		{"attach, NMT off", "off", nil, trial.Limits{Share: 0.04, Slack: mib}},
		{"hsperfdata, no attach", "off", []string{noAttach}, without},
		{"neither attach nor hsperfdata", "off", []string{noAttach, "-XX:-UsePerfData"}, without},
	}
}

// growths returns those that need no library for this architecture; where rows are unknown, only
// those of memory that is found in another way then.
func growths(l trial.Limits) (picked []trial.Growth) {
	for _, g := range trial.Growths() {
		word, _, _ := strings.Cut(g.Command, " ")
		if l.Unknown != nil && !slices.Contains([]string{"heap", "bigclasses", "threads", "unsafe", "mapfile"}, word) {
			continue
		}
		switch word {
		case "jni", "jnimmap", "jniretain", "deflaters":
			continue
		case "jit":
			g.Free = nil // a thread sweeps it later
		case "pipes":
			g.Slack = 2 * mib // Linux 7.2 has 10 KiB for each beside its 64
		}
		picked = append(picked, g)
	}
	return picked
}

func TestGrowths(t *testing.T) {
	if *jdk == "" {
		t.Fatal("run `make e2e-arm64`")
	}
	pages := fmt.Sprintf("pages of %d KiB", os.Getpagesize()>>10)
	for _, m := range modes() {
		t.Run(pages+"/"+m.name, func(t *testing.T) {
			r := result.Result{Unit: m.name, Cell: &result.Cell{
				Engine: pages, CgroupVersion: 2, Kernel: trial.Kernel(),
				Collector: "G1", NMT: m.nmt, Setting: m.name,
			}}
			start := time.Now()
			t.Cleanup(func() { // registered first, so it runs last
				r.Passed, r.Seconds = !t.Failed(), time.Since(start).Seconds()
				if err := r.Append(*results); err != nil {
					t.Error(err)
				}
			})
			grow(t, m, &r)
		})
	}
}

func grow(t *testing.T, m mode, r *result.Result) {
	// The files of the mode before are in the way.
	if err := errors.Join(os.RemoveAll(dataDir), os.Mkdir(dataDir, 0o755), os.Chmod(dataDir, 0o777), os.RemoveAll(shmFile), os.RemoveAll(shmFile+"-warm")); err != nil {
		t.Fatal(err)
	}
	j := jvmtest.Start(t, jvmtest.Options{
		JavaHome: *jdk, Class: "Workload", ClassPath: *app, LimitBytes: 768 * mib, UID: user, GID: user,
		JVMFlags: slices.Concat([]string{"-XX:+UseG1GC"}, trial.JVMFlags("G1", m.nmt), m.flags),
	})
	// A sample takes longer than the share of the CPU that is the default.
	s := sidecar.Start(t, sidecar.Options{Binary: *binary, Flags: []string{"--interval=3s", "--max-cpu=0"}})
	tr := trial.Trial{T: t, Do: j.Do, Sidecar: s.Client, Limits: m.limits, Growths: growths(m.limits),
		Check: func(when string, c *sidecar.Container) { trial.CheckSum(t, when, c) }}
	seen := tr.Run()
	r.Steps = tr.Steps
	if m.nmt == "summary" {
		checkMalloc(t, seen, j.PID)
	}
	if len(seen.JVMs) != 1 || seen.JVMs[0].PID != j.PID || seen.JVMs[0].GC != "G1" || seen.JVMs[0].NMT != m.nmt && m.limits.Unknown == nil {
		t.Errorf("the JVMs are described as %+v", seen.JVMs)
		return
	}
	r.Cell.Version = seen.JVMs[0].Version
	r.Cell.JDK, _, _ = strings.Cut(r.Cell.Version, ".")
}

// checkMalloc checks that malloc's blocks are read whatever the size of pages.
func checkMalloc(t *testing.T, seen *sidecar.Container, pid int) {
	t.Helper()
	if s, failed := seen.Failed("malloc_blocks"); failed {
		t.Error(s.Reason)
	}
	out, err := exec.Command(*binary, "owners", "--pid", strconv.Itoa(pid)).CombinedOutput()
	t.Logf("%s", out)
	if err != nil && !(strings.HasPrefix(trial.Kernel(), "6.1.") && chunkAboveStack(string(out), err)) {
		t.Errorf("jvmem owners: %v", err)
	}
}

// chunkAboveStack reports whether jvmem owners misses only memory that it tells: Linux before 6.7
// does not mark stacks, and joins the stack of a native thread with a chunk right above it.
func chunkAboveStack(out string, err error) bool {
	const partial = 3
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == partial && strings.Contains(out, " 0.0 MiB of malloc's memory changed while it was read")
}
