package dcmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestThreadsCaptures: no thread is lost, and each has what its version prints.
func TestThreadsCaptures(t *testing.T) {
	for _, c := range captures(t, "thread_print.txt.gz", 16) {
		t.Run(c.dir, func(t *testing.T) {
			text := jvmtest.CaptureText(t, c.dir+"/thread_print.txt.gz")
			dump, err := ParseThreads(text)
			if err != nil || !dump.Complete {
				t.Fatalf("complete %v, %v", dump.Complete, err)
			}
			if want := strings.Count(text, " tid=0x"); len(dump.Threads) != want {
				t.Errorf("%d threads of %d", len(dump.Threads), want)
			}
			ids := map[int]bool{}
			for _, thread := range dump.Threads {
				carrier := thread.Java && strings.HasPrefix(thread.Name, "ForkJoinPool-1-worker") && thread.State == ""
				if thread.NativeID == 0 || ids[thread.NativeID] || thread.State == "" && !carrier || thread.Depth < len(thread.Frames) || !thread.Java && thread.Depth > 0 {
					t.Errorf("%+v", thread)
				}
				ids[thread.NativeID] = true
			}
			main := find(t, dump, "main")
			if !main.Java || main.State != "TIMED_WAITING (sleeping)" || !strings.HasPrefix(main.Frames[0], "java.lang.Thread.sleep") || !strings.Contains(main.Frames[len(main.Frames)-1], ".main(") {
				t.Errorf("%+v", main)
			}
			if vm := find(t, dump, "VM Thread"); vm.Java || vm.State != "runnable" || vm.Frames != nil {
				t.Errorf("%+v", vm)
			}
		})
	}
}

func find(t *testing.T, dump ThreadDump, name string) Thread {
	t.Helper()
	i := slices.IndexFunc(dump.Threads, func(thread Thread) bool { return thread.Name == name })
	if i < 0 {
		t.Fatalf("no thread %q", name)
	}
	return dump.Threads[i]
}

// TestThreadsOddNames: names with quotes, line ends and what looks like a frame;
// deep stacks; threads that carry virtual ones.
func TestThreadsOddNames(t *testing.T) {
	for _, jdk := range []string{"jdk8", "jdk11", "jdk17", "jdk21", "jdk25", "jdk28"} {
		dump, err := ParseThreads(jvmtest.CaptureText(t, "testdata/"+jdk+"/g1-evidence/thread_print.txt.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if lines := find(t, dump, "two\nlines\n\n\tat a.b(C.java:1)"); !slices.Contains(lines.Frames, "Evid.deep(Evid.java:7)") {
			t.Errorf("%s: %+v", jdk, lines)
		}
		for i, deep := range map[int]bool{2: false, 3: true} {
			worker := find(t, dump, fmt.Sprintf("worker \"%d\" nid=0x12 prio=5", i))
			if worker.NativeID == 0x12 || len(worker.Frames) > MaxFrames || deep != (worker.Depth > 200) {
				t.Errorf("%s: %+v", jdk, worker)
			}
		}
		if jdk < "jdk21" || jdk == "jdk8" {
			continue
		}
		carrier := find(t, dump, "ForkJoinPool-1-worker-1")
		if carrier.NativeID == 0 || carrier.State != "" || carrier.Depth > MaxFrames || !strings.HasPrefix(carrier.Frames[0], "jdk.internal.vm.Continuation.run(Continuation.java:") {
			t.Errorf("%s: %+v", jdk, carrier)
		}
	}
}

func TestThreadsForms(t *testing.T) {
	const (
		one = "\"a\" #1 prio=5 tid=0x1 nid=0xff runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n\tat a.B.c(m@1/B.java:1)\n\t- locked <0x1> (a.B)\n\tat a.B.d(Native Method)\n\n"
		two = "\"b\" os_prio=0 tid=0x2 nid=7 waiting on condition \n\n"
		end = "JNI global refs: 1, weak refs: 0\n\nFound one Java-level deadlock:\n\"a\":\n\tat a.B.c(B.java:1)\n"
	)
	a := Thread{Name: "a", NativeID: 255, Java: true, State: "RUNNABLE", Frames: []string{"a.B.c(B.java:1)", "a.B.d(Native Method)"}, Depth: 2}
	b := Thread{Name: "b", NativeID: 7, State: "waiting on condition"}
	for name, c := range map[string]struct {
		text     string
		want     []Thread
		complete bool
	}{
		"two":               {one + two + end, []Thread{a, b}, true},
		"end cut":           {one + two, []Thread{a}, false},
		"cut in a frame":    {one + one[:70], []Thread{a}, false},
		"cut in the first":  {one[:70], nil, false},
		"empty":             {"", nil, false},
		"foreign":           {"Unknown diagnostic command\n", nil, false},
		"deadlock alone":    {end, nil, false},
		"header without ID": {"\"a\" #1 prio=5 tid=0x1  [0x00007fc1425fd000]\n\n" + end, []Thread{{Name: "a", Java: true}}, true},
		"ID out of range":   {"\"a\" #1 tid=0x1 nid=0xfffffffff x\n\n" + end, []Thread{{Name: "a", Java: true}}, true},
		"no start of name":  {"a\" #1 tid=0x1 nid=0x1 x\n\n" + two + end, []Thread{b}, true},
	} {
		dump, err := ParseThreads(c.text)
		if (err != nil) != (c.want == nil) || err == nil && dump.Complete != c.complete || !slices.EqualFunc(dump.Threads, c.want, same) {
			t.Errorf("%s: %+v, %v", name, dump, err)
		}
	}
}

func same(a, b Thread) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

// FuzzParseThreads: a cut text gives the same threads but the last ones.
func FuzzParseThreads(f *testing.F) {
	for _, c := range captures(f, "thread_print.txt.gz", 16) {
		text := jvmtest.CaptureText(f, c.dir+"/thread_print.txt.gz")
		f.Add(text[:4<<10], 2<<10)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		dump, err := ParseThreads(text)
		if err == nil && len(dump.Threads) == 0 || err != nil && dump.Threads != nil {
			t.Fatalf("%+v, %v", dump, err)
		}
		for _, thread := range dump.Threads {
			if thread.NativeID < 0 || len(thread.Frames) > MaxFrames || thread.Depth < len(thread.Frames) || !strings.Contains(text, thread.Name) {
				t.Fatalf("%+v", thread)
			}
		}
		if cut < 0 || cut > len(text) || strings.Contains(text, "JNI global ref") {
			return
		}
		if line, _, _ := strings.Cut(text[cut:], "\n"); strings.Contains(line, `"`) {
			return // the last quote of a line ends a name, and the cut text has another one
		}
		start, err := ParseThreads(text[:cut])
		if err != nil {
			return
		}
		for i, thread := range start.Threads {
			if !same(thread, dump.Threads[i]) {
				t.Fatalf("%+v, cut: %+v", dump.Threads[i], thread)
			}
		}
	})
}
