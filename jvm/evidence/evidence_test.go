package evidence

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// TestEvidenceRefuses: what stops Ask from attaching stops evidence as well, and a
// question that costs too much is not sent.
func TestEvidenceRefuses(t *testing.T) {
	f := jvmtest.NewFake(t)
	f.NSPID = f.PID
	status := jvmtest.Status{State: 'S', UID: os.Geteuid(), GID: os.Getegid(), SigCgt: jvmtest.SigQuit}
	f.SetStatus(status)
	f.SetThreads("VM Thread", "worker-1", "worker-2")
	listener := f.Listen(jvmtest.AnswerCommands(map[string]string{"Thread.print": "hello\n", "VM.classloader_stats": "", "GC.class_histogram -all": "Total 0 0\n"}))
	p, err := jvm.Open(f.Proc, f.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := func(name string, kinds ...error) {
		t.Helper()
		_, stack := PoolStacks(t.Context(), p, "worker-#")
		_, loaders := ClassLoaders(t.Context(), p)
		_, heap := NativeHeap(t.Context(), p)
		_, histogram := Histogram(t.Context(), p)
		for i, err := range []error{stack, loaders, heap, histogram} {
			if !errors.Is(err, kinds[min(i, len(kinds)-1)]) {
				t.Errorf("%s: %v", name, err)
			}
			var e *attach.Error
			if !errors.Is(err, jvm.ErrGone) && (!errors.As(err, &e) || e.Reason == "" || e.Fix == "" && !errors.Is(err, attach.ErrCommand)) {
				t.Errorf("%s: nothing for people in %+v", name, e)
			}
		}
	}
	want("before Ask", jvm.ErrNotQueried)
	if n := len(listener.Requests()); n > 0 {
		t.Errorf("%d requests before Ask", n)
	}
	if _, err := p.Query(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("replies of no sense", attach.ErrReply, attach.ErrReply, attach.ErrCommand, attach.ErrReply)

	asked := len(listener.Requests())
	status.State = 'T'
	f.SetStatus(status)
	want("stopped", attach.ErrStopped)
	status.State = 'S'
	f.SetStatus(status)

	if _, err := PoolStacks(t.Context(), p, "another"); !errors.Is(err, ErrNoThread) {
		t.Errorf("no such pool: %v", err)
	}
	f.SetThreads(make([]string, maxDumpThreads+1)...)
	if _, err := PoolStacks(t.Context(), p, "worker-#"); !errors.Is(err, ErrTooManyThreads) {
		t.Errorf("many threads: %v", err)
	}

	f.SetStat('S', 4712)
	want("another process of this PID", jvm.ErrGone)
	if requests := listener.Requests()[asked:]; len(requests) > 0 {
		t.Errorf("sent after all: %q", requests)
	}
}

// TestEvidenceOfLongReply: the part that was read is returned, marked as partial.
func TestEvidenceOfLongReply(t *testing.T) {
	f := jvmtest.NewFake(t)
	f.NSPID = f.PID
	f.SetStatus(jvmtest.Status{State: 'S', UID: os.Geteuid(), GID: os.Getegid(), SigCgt: jvmtest.SigQuit})
	f.SetThreads("main", "worker-1", "worker-2")
	const frame = "\tat a.Worker.run(Worker.java:7)\n"
	dump := ""
	for i := 1; i < 3; i++ {
		dump += fmt.Sprintf("\"worker-%d\" #9 prio=5 tid=0x1 nid=0x%x runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n", i, f.PID+i)
		dump += strings.Repeat(frame, 5<<20/len(frame)) + "\n"
	}
	const loader = "0x01  0x02  0x03       1     6144     1448  a.Loader\n"
	const row = "   1:          9323       21349848  [B\n"
	f.Listen(jvmtest.AnswerCommands(map[string]string{
		"Thread.print": dump, "VM.classloader_stats": strings.Repeat(loader, 9<<20/len(loader)), "GC.class_histogram -all": strings.Repeat(row, 9<<20/len(row)),
	}))
	p, err := jvm.Open(f.Proc, f.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Query(t.Context()); err != nil {
		t.Fatal(err)
	}
	stacks, err := PoolStacks(t.Context(), p, "worker-#")
	if err != nil || !stacks.Partial || stacks.Threads != 1 || len(stacks.Groups[0].Frames) != dcmd.MaxFrames || stacks.Groups[0].Depth != 5<<20/len(frame) {
		t.Errorf("%+v, %v", stacks, err)
	}
	loaders, err := ClassLoaders(t.Context(), p)
	if err != nil || loaders.Total != nil || len(loaders.Types) != 1 || loaders.Types[0].Loaders != 8<<20/int64(len(loader)) {
		t.Errorf("%+v, %v", loaders, err)
	}
	histogram, err := Histogram(t.Context(), p)
	if err != nil || histogram.Total != nil || len(histogram.Classes) != 1 || histogram.Classes[0].Instances != 9323*maxClassRows || histogram.Unreachable != nil {
		t.Errorf("%+v, %v", histogram, err)
	}
}

func TestPoolStacks(t *testing.T) {
	sleep, work := []string{"java.lang.Thread.sleep(Native Method)", "a.Idle.run(Idle.java:1)"}, []string{"a.Work.run(Work.java:\x1b1)"}
	got := group(map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}, dcmd.ThreadDump{Complete: true, Threads: []dcmd.Thread{
		{Name: "exec-1", NativeID: 1, State: "RUNNABLE", Frames: work, Depth: 1},
		{Name: "exec\n-2", NativeID: 2, State: "TIMED_WAITING (sleeping)", Frames: sleep, Depth: 2},
		{Name: "exec\n-3", NativeID: 3, State: "TIMED_WAITING (sleeping)", Frames: sleep, Depth: 2},
		{Name: "other", NativeID: 0, State: "RUNNABLE", Frames: work},
		{Name: "exec-4", NativeID: 4, Frames: work, Depth: 1},
	}})
	want := &Stacks{Threads: 4, States: map[string]int{"RUNNABLE": 1, "TIMED_WAITING (sleeping)": 2, "unknown": 1}, Groups: []Group{
		{Name: "exec-#", Sharing: 2, Frames: []string{`a.Work.run(Work.java:\x1b1)`}, Depth: 1}, // of two that are as common, the first
		{Name: `exec\n-#`, Sharing: 2, Frames: sleep, Depth: 2},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTopTypes(t *testing.T) {
	var types []dcmd.LoaderType
	for i := range int64(40) {
		types = append(types, dcmd.LoaderType{Name: fmt.Sprintf("L%02d\n", i), ChunkBytes: 1000 - i, Loaders: i % 20})
	}
	top := topTypes(types)
	names := ""
	for _, l := range top {
		names += " " + l.Name
	}
	if want := ` L00\n L01\n L02\n L03\n L04\n L05\n L06\n L07\n L08\n L09\n L15\n L16\n L17\n L18\n L19\n L35\n L36\n L37\n L38\n L39\n`; names != want {
		t.Errorf("got %s, want %s", names, want)
	}
}

// TestObjects: classes of the same name are one, and what is missing is known to be small.
func TestObjects(t *testing.T) {
	rows := []dcmd.ClassCount{{Name: "[B", Instances: 9, Bytes: 900}, {Name: "a.A", Instances: 5, Bytes: 500}, {Name: "a.B\n", Instances: 4, Bytes: 400}, {Name: "a.B\n", Instances: 3, Bytes: 300}}
	want := []dcmd.ClassCount{{Name: "[B", Instances: 9, Bytes: 900}, {Name: `a.B\n`, Instances: 7, Bytes: 700}, {Name: "a.A", Instances: 5, Bytes: 500}}
	if got := topObjects(rows); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for range topClasses {
		rows = append(rows, dcmd.ClassCount{Name: fmt.Sprint(len(rows)), Bytes: 8})
	}
	if got := topObjects(rows); len(got) != topClasses || got[topClasses-1].Bytes != 8 {
		t.Errorf("%d classes", len(got))
	}
	for name, tt := range map[string]struct {
		objects Objects
		want    int64
	}{
		"all":       {Objects{Classes: want, Total: &dcmd.ClassCount{Bytes: 2100}}, 0},
		"more":      {Objects{Classes: want, Total: &dcmd.ClassCount{Bytes: 2101}}, 500},
		"truncated": {Objects{Classes: want}, 500},
		"none":      {Objects{}, 0},
	} {
		if got := tt.objects.Unlisted(); got != tt.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestPlain: threads that do the same have the same stack.
func TestPlain(t *testing.T) {
	for frame, want := range map[string]string{
		"NmtApp$$Lambda$2/1637506559.run(Unknown Source)":             "NmtApp$$Lambda$#.run(Unknown Source)",
		"NmtApp$$Lambda$26/0x0000000840083040.run(Unknown Source)":    "NmtApp$$Lambda$#.run(Unknown Source)",
		"NmtApp$$Lambda/0x000000007b053000.run(Unknown Source)":       "NmtApp$$Lambda.run(Unknown Source)",
		"java.lang.invoke.LambdaForm$DMH/0x7f.invoke(LambdaForm$DMH)": "java.lang.invoke.LambdaForm$DMH.invoke(LambdaForm$DMH)",
		"jdk.proxy2.$Proxy12.call(Unknown Source)":                    "jdk.proxy#.$Proxy#.call(Unknown Source)",
		"sun.reflect.GeneratedMethodAccessor3.invoke(Unknown Source)": "sun.reflect.GeneratedMethodAccessor#.invoke(Unknown Source)",
		"a.B$$EnhancerBySpringCGLIB$$1a2b3c.get(<generated>)":         "a.B$$EnhancerBySpringCGLIB$$#.get(<generated>)",
		"java.lang.Thread.run(Thread.java:840)":                       "java.lang.Thread.run(Thread.java:840)",
		"a.MethodAccessor.dead(B.java:1)":                             "a.MethodAccessor.dead(B.java:1)",
		"no parenthesis":                                              "no parenthesis",
	} {
		if got := plain(frame); got != want {
			t.Errorf("%s: %s", frame, got)
		}
	}
}
