package threads

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestPoolName(t *testing.T) {
	for name, want := range map[string]string{
		"pool-1-thread-3":  "pool-#-thread-#",
		"pool-12-thread-":  "pool-#-thread-#", // cut before its number
		"http-nio-8080-e":  "http-nio-8080-e",
		"ForkJoinPool-1-":  "ForkJoinPool-#",
		"ForkJoinPool-12":  "ForkJoinPool-#",
		"GC Thread#0":      "GC Thread#",
		"G1 Conc#0":        "G1 Conc#",
		"C2 CompilerThre":  "C2 CompilerThre",
		"Thread-1234":      "Thread-#",
		"leak-7":           "leak-#",
		"qtp1839168128-17": "qtp1839168128-#",
		"VM Thread":        "VM Thread",
		// Executors, however many.
		"pool-1648-thread-2": "pool-#-thread-#", "pool-1648-threa": "pool-#-thread-#", "pool-1648": "pool-#", "pool-a-thread-1": "pool-a-thread-#",
		"pool-1-thread-1-x": "pool-#-thread-#-x", "http-nio-8080-exec-3": "http-nio-8080-exec-#",
		"ActiveMQ Transport: tcp:///127.0.0.1:33974@61616": "ActiveMQ Transport: tcp:///127.#.#.#:#@#", "NIOServerCxn.Factory:0.0.0.0:2181": "NIOServerCxn.Factory:0.#.#.#:#",
		// JDK 8, cut by the kernel; and whole, as in a thread dump.
		"Gang worker#0 (": "Gang worker#", "Gang worker#10 ": "Gang worker#", "GC task thread#": "GC task thread#",
		"Gang worker#0 (Parallel GC Threads)": "Gang worker# (Parallel GC Threads)",
		"":                                    "",
	} {
		if got := PoolName(name); got != want {
			t.Errorf("PoolName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestPoolsJoinAbbreviatedNames(t *testing.T) {
	kib := map[int]int64{1: 1024, 2: 2048}
	got := Pools([]Thread{
		{1, "pool-1-thread-1"}, {2, "pool-1-..ead-12"}, {3, "pool-1-..ad-123"}, {4, "main"},
	}, kib)
	if len(got) != 2 || got[0].Name != "pool-#-thread-#" || got[0].Count != 3 || *got[0].StackBytes != 3072 {
		t.Errorf("pools = %+v", got)
	}
	if got[1].Name != "main" || got[1].StackBytes != nil {
		t.Errorf("a pool whose stacks are unknown: %+v", got[1])
	}
}

// TestPoolsJoinNumbered: many pools that differ in a number are one, a few are not.
func TestPoolsJoinNumbered(t *testing.T) {
	var list []Thread
	add := func(name string) { list = append(list, Thread{len(list), name}) }
	for _, port := range []int{8080, 8443} {
		add(fmt.Sprintf("http-nio-%d-exec-1", port))
	}
	for n := 998; n < 1005; n++ {
		add(fmt.Sprintf("svc-%d-worker-1", n))
	}
	got := make(map[string]int)
	for _, p := range Pools(list, nil) {
		got[p.Name] = p.Count
	}
	want := map[string]int{"svc-#-worker-#": 7, "http-nio-8080-exec-#": 1, "http-nio-8443-exec-#": 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("pools %v", got)
	}
}

// TestWholeNames: threads whose whole name is not known yet get that of their pool, if
// there is one such pool.
func TestWholeNames(t *testing.T) {
	var r Reader
	r.known = map[int]knownThread{}
	for id, name := range []string{"http-nio-8080-e", "http-nio-8080-e", "my-service-work", "my-service-work", "my-service-work", "short", "VM Periodic Tas"} {
		r.known[id] = knownThread{name: name}
		r.list = append(r.list, Thread{id, name})
	}
	if cut := r.Cut(false); len(cut) != 6 {
		t.Fatalf("cut: %v", cut)
	}
	r.Name(map[int]string{0: "http-nio-8080-exec-7", 2: "my-service-worker-1", 3: "my-service-workflow-1", 6: ""})
	want := []Thread{
		{0, "http-nio-8080-exec-7"}, {1, "http-nio-8080-exec-#"}, {2, "my-service-worker-1"}, {3, "my-service-workflow-1"}, {4, "my-service-work"},
		{5, "short"}, {6, "VM Periodic Tas"},
	}
	if !reflect.DeepEqual(r.list, want) {
		t.Errorf("names %v", r.list)
	}
	if cut := r.Cut(true); !reflect.DeepEqual(cut, []Thread{{4, "my-service-work"}, {6, "VM Periodic Tas"}}) {
		t.Errorf("of new pools: %v", cut)
	}
	for range maxTries {
		r.Name(map[int]string{6: ""})
	}
	if cut := r.Cut(false); !reflect.DeepEqual(cut, []Thread{{1, "http-nio-8080-e"}, {4, "my-service-work"}}) {
		t.Errorf("a thread of native code is still asked for: %v", cut)
	}
}

func TestFits(t *testing.T) {
	for _, test := range []struct {
		comm, name string
		want       bool
	}{
		{"http-nio-8080-e", "http-nio-8080-exec-1", true},
		{"http-nio-8080-e", "http-nio-8080-e", true},
		{"http-nio-8080-e", "http-nio-8443-exec-1", false},
		{"pool-1-..ead-12", "pool-1-thread-12", true},
		{"pool-1-..ead-12", "pool-1-thread-13", false},
		{"short", "short", true},
		{"short", "shorter", false},
		{"short", "shorter-than-it-is", false},
	} {
		if got := (Thread{Name: test.comm}).Fits(test.name); got != test.want {
			t.Errorf("%q of %q: %v", test.name, test.comm, got)
		}
	}
}

func TestReadThreadsOfThisProcess(t *testing.T) {
	threads, err := Read("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(os.Getpid()), "task"))
	if err != nil {
		t.Fatal(err)
	}
	if len(threads) == 0 || len(threads) > len(entries)+2 || threads[0].Name == "" {
		t.Errorf("threads = %v, task has %d", threads, len(entries))
	}
}

// TestThreadNamesAreRenewed: a thread that was renamed is reported by its new name
// soon, and one that ended is forgotten.
func TestThreadNamesAreRenewed(t *testing.T) {
	rename, done := make(chan string), make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		for name := range rename {
			text := append([]byte(name), 0)
			if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0); err != nil {
				t.Error(err)
			}
			done <- unix.Gettid()
		}
	}()
	defer close(rename)
	rename <- "first"
	tid := <-done
	var names Reader
	of := func() (name string, ok bool) {
		threads, err := names.Read("/proc", os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(threads, func(t Thread) bool { return t.ID == tid })
		if i < 0 {
			return "", false
		}
		return threads[i].Name, true
	}
	for range 2 * rereadEvery {
		if name, _ := of(); name != "first" {
			t.Fatalf("its name is %q", name)
		}
	}
	rename <- "second"
	<-done
	for i := 0; ; i++ {
		if name, _ := of(); name == "second" {
			break
		} else if name != "first" || i == rereadEvery {
			t.Fatalf("after %d readings its name is %q", i, name)
		}
	}
	names.known[-1] = knownThread{}
	of()
	if _, known := names.known[-1]; known {
		t.Error("a thread that ended is not forgotten")
	}
}

// TestMembers: the kernel's names are cut, and from JDK 26 on abbreviated.
func TestMembers(t *testing.T) {
	list := []Thread{{ID: 1, Name: "http-nio-8080-e"}, {ID: 2, Name: "pool-1-..ead-12"}, {ID: 3, Name: "pool-1-..ad-123"}, {ID: 4, Name: "main"}, {ID: 5, Name: "http-nio-8080-A"}, {ID: 6, Name: "ForkJoinPool-1-worker-2"}, {ID: 7, Name: strings.Repeat("long-name", 20) + "-1"}}
	for pool, want := range map[string]map[int]bool{
		"http-nio-8080-e":                      {1: true},
		"pool-#-..ead-#":                       {2: true, 3: true},
		"pool-#-thread-#":                      {2: true, 3: true}, // its first thread, which had the whole name, ended
		"pool-#-..d-#":                         {2: true, 3: true},
		"ForkJoinPool-#":                       {6: true}, // as the kernel cut it
		"leak-#":                               {},
		strings.Repeat("long-name", 11) + "l…": {7: true}, // as it is shown
	} {
		got := make(map[int]bool)
		for _, t := range Members(list, pool) {
			got[t.ID] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", pool, got)
		}
	}
}
