package threads

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
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
	list := []Thread{{ID: 1, Name: "http-nio-8080-e"}, {ID: 2, Name: "pool-1-..ead-12"}, {ID: 3, Name: "pool-1-..ad-123"}, {ID: 4, Name: "main"}, {ID: 5, Name: "http-nio-8080-A"}}
	for pool, want := range map[string]map[int]bool{
		"http-nio-8080-e": {1: true},
		"pool-#-..ead-#":  {2: true, 3: true},
		"pool-#-thread-#": {2: true, 3: true}, // its first thread, which had the whole name, ended
		"pool-#-..d-#":    {2: true, 3: true},
		"leak-#":          {},
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
