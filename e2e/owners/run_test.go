package owners

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

const (
	step   = 4  // MiB leaked before the baseline, and with each command after it
	leaked = 32 // MiB leaked after the baseline
	// partial is the exit code of jvmem if a part is missing.
	partial = 3
)

// growth is the part of the JSON of `jvmem owners` that is checked.
type growth struct {
	Growth   amount   `json:"growth"`
	Owners   []owner  `json:"owners"`
	Other    amount   `json:"other"`
	Complete bool     `json:"complete"`
	Reason   string   `json:"reason"`
	took     lookTime // of the look that reported it
}

type amount struct {
	Blocks        int64 `json:"blocks"`
	Bytes         int64 `json:"bytes"`
	ResidentBytes int64 `json:"resident_bytes"`
}

type owner struct {
	amount
	Library   string `json:"library"`
	Class     string `json:"class"`
	Symbol    string `json:"symbol"`
	Global    string `json:"global"`
	JavaClass string `json:"java_class"`
	Category  string `json:"category"`
	Relation  string `json:"relation"`
}

// lookTime is what a look took.
type lookTime struct{ elapsed, cpu time.Duration }

func (p *program) run(t *testing.T) {
	dir := t.TempDir()
	j := p.start(t, dir)
	leak := func() int64 {
		line := fmt.Sprintf("leak %d", step)
		if p.threads > 0 {
			line += " " + strconv.Itoa(p.threads)
		}
		return jvmtest.Numbers(j.Do(line))["bytes"]
	}
	leak()
	baseline := filepath.Join(dir, "baseline.json")
	look(t, j.PID, "--save", baseline)
	o := outcome{program: p}
	for range leaked / step {
		o.truth += leak()
	}
	out, took := look(t, j.PID, "--since", baseline, "--format", "json")
	if err := json.Unmarshal(out, &o.growth); err != nil {
		t.Fatalf("the report: %v\n%s", err, out)
	}
	o.took = took
	o.judge()
	outcomes.add(o)
	t.Logf("%s of %.1f MiB\n%s", o.result, float64(o.truth)/mib, o.describe())
	if o.result == wrong {
		t.Errorf("wrong owner: %s\n%s", strings.Join(o.foreign, ", "), out)
	}
}

// start starts the program: with java of this machine, or with a JDK of sid in its root file
// system.
func (p *program) start(t *testing.T, dir string) *jvmtest.JVM {
	t.Helper()
	app, libraries := built.dir, "/usr/lib/x86_64-linux-gnu/jni:/usr/lib/x86_64-linux-gnu:"+built.dir+"/lib"
	var o jvmtest.Options
	if p.jdk != "" {
		o.JavaHome = filepath.Join(built.tree.JDKFolder(), p.jdk)
		o.Wrap = []string{"unshare", "--mount", "sh", "-ec", inRoot, "sh", o.JavaHome, app, built.tree.Base()}
		o.Env = []string{"LD_LIBRARY_PATH=/app/lib"}
		app, libraries, dir = "/app", "/app/lib", "/tmp"
	}
	if p.malloc != "" {
		o.Env = append(o.Env, "LD_PRELOAD="+libraryFolder+p.malloc)
	}
	shop := "libshop.so"
	if p.variant != "" {
		shop = "libshop-" + p.variant + ".so"
	}
	o.Class, o.ClassPath = "Leak", app+":"+app+"/jars/*"
	o.JVMFlags = append(p.jvmFlags(), "-Djava.library.path="+libraries, "-Djna.library.path="+libraries, "-Dleak.step="+p.step,
		"-Dleak.dir="+dir, "-Dleak.library="+app+"/lib/libleaks.so", "-Dleak.shop="+app+"/lib/"+shop)
	return jvmtest.Start(t, o)
}

// inRoot becomes java in another root file system. Its arguments are the folders of the JDK,
// of the programs and of the root, and java's path on this machine, before those of java.
const inRoot = `
	mount --bind "$1" "$3/opt/jdk"
	mount --bind "$2" "$3/app"
	mount --bind /proc "$3/proc"
	mount --bind /dev "$3/dev"
	mount -t tmpfs tmpfs "$3/tmp"
	root=$3
	shift 4
	exec chroot "$root" /opt/jdk/bin/java "$@"`

// jvmFlags leaves C2 out: its arenas grow by up to 20 MiB in a look, which libjvm.so owns.
func (p *program) jvmFlags() []string {
	return []string{"-XX:+Use" + strings.TrimSuffix(p.collector(), "GC") + "GC", "-Xmx768m", "-XX:TieredStopAtLevel=1", "-XX:NativeMemoryTracking=" + p.tracking(), "-Djava.awt.headless=true"}
}

// look runs `jvmem owners`.
func look(t *testing.T, pid int, flags ...string) ([]byte, lookTime) {
	t.Helper()
	command := exec.Command(*binary, append([]string{"owners", "--pid", strconv.Itoa(pid)}, flags...)...)
	begun := time.Now()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil && command.ProcessState.ExitCode() != partial {
		t.Fatalf("%s: %v\n%s%s", command, err, &stderr, out)
	}
	return out, lookTime{time.Since(begun), command.ProcessState.UserTime() + command.ProcessState.SystemTime()}
}
