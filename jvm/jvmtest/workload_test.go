package jvmtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const mib = 1 << 20

// charged is the content of memory.stat of a cgroup, in bytes.
type charged struct{ anon, cache, mapped, shmem int64 }

func readCharged(t *testing.T, j *JVM) charged {
	t.Helper()
	f, err := os.Open(filepath.Join(j.CgroupDir(), "memory.stat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	values := map[string]int64{}
	for scan := bufio.NewScanner(f); scan.Scan(); {
		name, value, _ := strings.Cut(scan.Text(), " ")
		if values[name], err = strconv.ParseInt(value, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"anon", "file", "file_mapped", "shmem"}
	if j.CgroupVersion() == 1 {
		names = []string{"total_rss", "total_cache", "total_mapped_file", "total_shmem"}
	}
	var numbers [4]int64
	for i, name := range names {
		n, ok := values[name]
		if !ok {
			t.Fatalf("memory.stat has no %s", name)
		}
		numbers[i] = n
	}
	return charged{numbers[0], numbers[1], numbers[2], numbers[3]}
}

// TestWorkloadGrows compares what each command says to what the kernel charges.
func TestWorkloadGrows(t *testing.T) {
	dir := t.TempDir()
	shm := fmt.Sprintf("/dev/shm/jvmtest-%d", os.Getpid())
	t.Cleanup(func() {
		if err := os.Remove(shm); err != nil {
			t.Error(err)
		}
	})
	j := Start(t, Options{
		JVMFlags:   []string{"-Xint", "-XX:+UseG1GC", "-Xmx192m"}, // compilers malloc as they like
		LimitBytes: 512 * mib,
	})
	tests := []struct {
		command string
		grows   charged // MiB
		// spare is the memory that the JVM may add to anon on its own (stacks' shadow zones,
		// metadata), MiB.
		spare int64
	}{
		{"heap 48", charged{anon: 48}, 5},
		{"classes 1000", charged{anon: 4}, 12},
		{"threads 40 256", charged{anon: 10}, 6},
		{"threads 2 2048", charged{anon: 4}, 2},
		{"threadfree", charged{anon: -20}, 6},
		{"direct 32", charged{anon: 32}, 2},
		{"directfree", charged{anon: -32}, 4},
		{"unsafe 24", charged{anon: 24}, 2},
		{"unsafefree", charged{anon: -24}, 2},
		{"unsafe 24 4096", charged{anon: 24}, 2},
		{"mapfile " + filepath.Join(dir, "shared") + " 16", charged{cache: 16, mapped: 16}, 2},
		{"mapprivate " + filepath.Join(dir, "private") + " 16", charged{anon: 16, cache: 16}, 2},
		{"mapfree", charged{anon: -16, mapped: -16}, 2},
		{"shmfile " + shm + " 16", charged{cache: 16, shmem: 16}, 2},
		{"pagecache " + filepath.Join(dir, "cached") + " 16", charged{cache: 16}, 2},
		{"unlink " + filepath.Join(dir, "cached"), charged{cache: -16}, 2},
		{"child 20", charged{anon: 20}, 3},
		{"childgrow 12", charged{anon: 12}, 2},
		{"childfree", charged{anon: -32}, 2},
		{"deflaters 40", charged{anon: 10}, 2},
		{"inflaters 100", charged{anon: 3}, 2},
	}
	for _, command := range []string{"child 1", "childfree"} {
		j.Do(command) // the files of the child's programs, whose pages are charged to whom reads them first
	}
	for _, test := range tests {
		before := readCharged(t, j)
		reply := j.Do(test.command)
		after := readCharged(t, j)
		check := func(name string, got, want, spare int64) {
			// memory.stat lags by up to 64 pages a CPU; file systems add metadata.
			if lag := int64(mib); got < want*mib-lag || got > want*mib+spare*mib+lag {
				t.Errorf("%s: %s grew by %.1f MiB, want %d (reply %q)", test.command, name, float64(got)/mib, want, reply)
			}
		}
		check("anon", after.anon-before.anon, test.grows.anon, test.spare)
		check("cache", after.cache-before.cache, test.grows.cache, 0)
		check("mapped", after.mapped-before.mapped, test.grows.mapped, 0)
		if test.grows.shmem > 0 {
			check("shmem", after.shmem-before.shmem, test.grows.shmem, 0)
		}
	}
}

func TestReplyNumbers(t *testing.T) {
	j := Start(t, Options{JVMFlags: []string{"-Xmx64m"}})
	n := Numbers(j.Do("classes 500"))
	used := (n["after_metaspace_used_bytes"] - n["before_metaspace_used_bytes"]) / 500
	if used < 2<<10 || used > 6<<10 {
		t.Errorf("metaspace used by a class: %d bytes", used)
	}
	n = Numbers(j.Do("threads 20 64 pool"))
	if depth := n["depth_bytes"]; depth < 20*64<<10 || depth > 20*80<<10 {
		t.Errorf("depth_bytes %d, want 20 times 64 KiB", depth)
	}
	if got := countThreads(t, j.PID, "pool-"); got != 20 {
		t.Errorf("%d threads named pool-, want 20", got)
	}
	j.Do("threadfree")
	if got := countThreads(t, j.PID, "pool-"); got != 0 {
		t.Errorf("%d threads are left", got)
	}
	page := filepath.Join(t.TempDir(), "page")
	j.Do("mappings " + page + " 100")
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(maps), page); got != 100 {
		t.Errorf("%d mappings of a page, want 100", got)
	}
	j.Do("stallstart")
	// A reply covers what ended since the one before: on a busy machine one kind may be missing in it.
	kinds := []string{"turn", "map", "unmap", "start"}
	for seen := make(map[string]bool); len(seen) < len(kinds); {
		n = Numbers(j.Do("stalls"))
		for _, kind := range kinds {
			if n[kind+"_count"] == 0 {
				continue
			}
			seen[kind] = true
			if p999, most := n[kind+"_p999_nanos"], n[kind+"_max_nanos"]; p999 <= 0 || most < p999 {
				t.Errorf("%s: the 99.9th percentile is %d ns, the maximum %d ns", kind, p999, most)
			}
		}
	}
}

// TestNativeWorkload runs what gcc makes.
func TestNativeWorkload(t *testing.T) {
	app := t.TempDir()
	if err := Build(app); err != nil {
		t.Fatal(err)
	}
	library := "-Djvmem.library=" + filepath.Join(app, "libworkload.so")
	t.Run("library", func(t *testing.T) {
		j := Start(t, Options{JVMFlags: []string{"-Xint", "-XX:+UseSerialGC", "-Xmx64m", library}})
		j.Do("jnifragment 2") // uses up what is free
		for _, command := range []string{"jni 16", "jnimmap 16", "deflaters 64", "jniretain 16 4", "jnifragment 16"} {
			before := readCharged(t, j)
			n := Numbers(j.Do(command))
			grew := []int64{readCharged(t, j).anon - before.anon}
			for _, account := range []string{"in_use_bytes", "retained_bytes"} {
				if told := n["after_"+account] - n["before_"+account]; told > mib {
					grew = append(grew, told)
				}
			}
			if slices.Min(grew) < 15*mib || slices.Max(grew) > 18*mib {
				t.Errorf("%s: grew by %d bytes, want 16 MiB", command, grew)
			}
		}
	})
	t.Run("launcher", func(t *testing.T) {
		home := filepath.Dir(filepath.Dir(findJava(t, "")))
		var libjvm []string
		for _, pattern := range []string{"lib/server", "jre/lib/*/server"} {
			found, err := filepath.Glob(filepath.Join(home, pattern, "libjvm.so"))
			if err != nil {
				t.Fatal(err)
			}
			libjvm = append(libjvm, found...)
		}
		if len(libjvm) != 1 {
			t.Fatalf("libjvm.so below %s: %v", home, libjvm)
		}
		cmd := exec.Command(filepath.Join(app, "launcher"), libjvm[0], "-Xmx64m", library, "-cp", app, "Workload")
		cmd.Stdin = strings.NewReader("jni 1\n")
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), "READY\nOK jni 1 bytes=1048576 ") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func countThreads(t *testing.T, pid int, prefix string) int {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range names {
		// A thread that ended since the listing is none.
		if comm, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(comm), prefix) {
			count++
		}
	}
	return count
}

func TestLimitKills(t *testing.T) {
	j := Start(t, Options{JVMFlags: []string{"-Xmx64m"}, LimitBytes: 128 * mib})
	j.Send("unsafe 256")
	select {
	case <-j.Exited():
	case <-time.After(commandTimeout):
		t.Fatal("256 MiB fit into 128")
	}
	status, ok := j.Cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want the kernel's SIGKILL", j.Cmd.ProcessState)
	}
}

func TestStartAsOtherUser(t *testing.T) {
	j := Start(t, Options{UID: 10001, GID: 10002, JVMFlags: []string{"-Xmx64m"}})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", j.PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t10001\t10001\t10001\t10001", "Gid:\t10002\t10002\t10002\t10002", "Groups:\t \n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("/proc/<pid>/status lacks %q:\n%s", want, status)
		}
	}
	procs, err := os.ReadFile(filepath.Join(j.CgroupDir(), "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(procs)); got != strconv.Itoa(j.PID) {
		t.Errorf("the cgroup holds %q, want the JVM %d alone", got, j.PID)
	}
}

func TestNothingIsLeft(t *testing.T) {
	var j *JVM
	var child int64
	t.Run("started", func(t *testing.T) {
		j = Start(t, Options{})
		child = Numbers(j.Do("child 1"))["child_pid"]
	})
	if _, err := os.Stat(j.CgroupDir()); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", j.CgroupDir(), err)
	}
	for _, pid := range []int64{int64(j.PID), child} {
		// A zombie that init has not reaped yet holds no memory.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("process %d is left: %s", pid, stat)
		}
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	tests := map[string]struct {
		run  func(testing.TB)
		want string
	}{
		"no JVM":       {func(tb testing.TB) { Start(tb, Options{JavaHome: t.TempDir()}) }, "apt-get install"},
		"refused flag": {func(tb testing.TB) { Start(tb, Options{JVMFlags: []string{"-XX:NoSuchFlag=1"}}) }, "NoSuchFlag"},
		"no library":   {func(tb testing.TB) { Start(tb, Options{}).Do("jni 1") }, "-Djvmem.library"},
		"no compiler": {func(tb testing.TB) {
			tb.Setenv("PATH", tb.TempDir())
			tb.Setenv("JAVA_HOME", "")
			tb.Fatalf("%v", Build(tb.TempDir()))
		}, "apt-get install"},
		"unknown command": {func(tb testing.TB) { Start(tb, Options{}).Do("grow 1") }, "ERR grow 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fatal := &fatalTB{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				test.run(fatal)
			}()
			<-done
			if !strings.Contains(fatal.message, test.want) {
				t.Errorf("failed with %q, want %q", fatal.message, test.want)
			}
		})
	}
}

// fatalTB keeps the message that would have ended the test.
type fatalTB struct {
	testing.TB
	message string
}

// Fatalf ends the goroutine, as the real one does.
func (tb *fatalTB) Fatalf(format string, args ...any) {
	tb.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
