package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/rows"
)

var start = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

// report is a container with as many series as a real one has.
func report(at time.Time, heap int64, pools ...string) *breakdown.Report {
	c := breakdown.Container{
		Identity:   rows.Identity{ID: "0123", Name: "app", CgroupVersion: 2},
		UsageBytes: new(heap + 1000), LimitBytes: new(int64(1 << 29)),
		Memory: []breakdown.Row{
			{Name: rows.Heap, Bytes: &heap, UsedBytes: new(heap / 2)},
			{Name: rows.GC},
			{Name: rows.Native, Bytes: new(int64(7)), Detail: []breakdown.Detail{
				{Name: "jvm_internal", Bytes: new(int64(3)), Detail: []breakdown.Detail{{Name: "symbol", Bytes: new(int64(2))}}},
				{Name: "untracked"},
			}},
			{Name: rows.OtherProcesses, Bytes: new(int64(5)), Detail: []breakdown.Detail{{Name: "tail", Bytes: new(int64(5))}}},
		},
		JVMs: []breakdown.JVM{{PID: 7, StartTicks: 99, LoadedClasses: new(int64(400)), OldGeneration: &jvm.Old{UsedBytes: heap / 4}}},
	}
	c.JVMs[0].Threads.Live = 21
	for i, name := range pools {
		c.JVMs[0].Threads.Pools = append(c.JVMs[0].Threads.Pools, threads.Pool{Name: name, Count: 20 - i})
	}
	return &breakdown.Report{Schema: breakdown.Schema, Time: at, Containers: []breakdown.Container{c}}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *Store, r *breakdown.Report) {
	t.Helper()
	if err := s.Add(r); err != nil {
		t.Fatal(err)
	}
}

func TestAdd(t *testing.T) {
	s := open(t, Options{Retention: 24 * time.Hour})
	for i := range int64(9) {
		add(t, s, report(start.Add(time.Duration(i)*10*time.Second), 100*(i%4+1), "exec-#"))
	}
	d := s.Document(time.Time{}, 0)
	if len(d.Containers) != 1 || len(d.Containers[0].Tracks) != 2 {
		t.Fatalf("%+v", d)
	}
	c := d.Containers[0]
	coarse, fine := c.Tracks[0], c.Tracks[1]
	if got := fine.Series[Row(rows.Heap)].Last; !reflect.DeepEqual(got, Values{100, 200, 300, 400, 100, 200, 300, 400, 100}) {
		t.Errorf("fine: %v", got)
	}
	want := &Column{Last: Values{200, 100}, Min: Values{100, 100}, Max: Values{400, 400}}
	if got := coarse.Series[Row(rows.Heap)]; coarse.StepMillis != 60_000 || !reflect.DeepEqual(got, want) {
		t.Errorf("steps of %d ms: %+v", coarse.StepMillis, got)
	}
	for name, want := range map[string]int64{
		Usage: 1100, Limit: 1 << 29, Used(rows.Heap): 50, OldUsed: 25, Threads: 21, Classes: 400,
		PrefixPool + "exec-#": 20, Detail(rows.Native, "jvm_internal"): 3, PrefixNMT + "symbol": 2, PrefixProcess + "tail": 5,
	} {
		if got := fine.Series[name].At(8).Last; got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	for _, name := range []string{Row(rows.GC), Detail(rows.Native, "untracked"), OldCollections, Row(rows.Unattributed)} {
		if fine.Series[name].At(0).Last != Unknown {
			t.Errorf("%s is known", name)
		}
	}
	if !reflect.DeepEqual(c.Missing, []string{"gc"}) {
		t.Errorf("missing: %v", c.Missing)
	}
	// One track of both, from a time on.
	d = s.Document(start.Add(25*time.Second), 20*time.Second)
	if got := d.Containers[0].Tracks[0].Series[Row(rows.Heap)]; !reflect.DeepEqual(got, &Column{
		Last: Values{400, 200, 400, 100}, Min: Values{400, 100, 300, 100}, Max: Values{400, 200, 400, 100},
	}) {
		t.Errorf("in steps of 20 s: %+v", got)
	}
}

// TestSeriesComeAndGo: a pool that is there for a while is unknown before and
// after, and no number of pools pushes out what matters.
func TestSeriesComeAndGo(t *testing.T) {
	s := open(t, Options{Retention: 24 * time.Hour})
	for i := range 300 {
		add(t, s, report(start.Add(time.Duration(i)*10*time.Second), int64(i), fmt.Sprintf("pool-%c%c", 'a'+i/26%26, 'a'+i%26), "stays"))
	}
	add(t, s, report(start.Add(time.Hour), 1, "stays", "last"))
	fine := s.Document(time.Time{}, 0).Containers[0].Tracks[1]
	if len(fine.Series) > maxSeries {
		t.Errorf("%d series", len(fine.Series))
	}
	if last := fine.Series[PrefixPool+"last"]; last.At(299).Last != Unknown || last.At(300).Last != 19 {
		t.Errorf("the last pool: %+v, %+v", last.At(299), last.At(300))
	}
	for name, c := range fine.Series {
		if len(c.Last) != len(fine.Times) {
			t.Errorf("%s has %d values for %d times", name, len(c.Last), len(fine.Times))
		}
	}
	for i := range fine.Times {
		if fine.Series[PrefixPool+"stays"].At(i).Last == Unknown || fine.Series[Usage].At(i).Last == Unknown {
			t.Fatalf("forgotten at %d", i)
		}
	}
}

// TestBudget: a day and a half of history with the most series fits the budget.
func TestBudget(t *testing.T) {
	s := open(t, Options{Retention: 24 * time.Hour})
	r := report(start, 1)
	row := &r.Containers[0].Memory[2]
	for i := range maxSeries {
		row.Detail = append(row.Detail, breakdown.Detail{Name: fmt.Sprintf("part%d", i), Bytes: new(int64(i))})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 35*60 + 400 { // a sample a minute fills the steps, too
		r.Time = start.Add(time.Duration(min(i, 35*60)) * time.Minute).Add(time.Duration(max(0, i-35*60)) * 10 * time.Second)
		add(t, s, r)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	c := s.containers[0]
	if len(c.Tracks[1].Series) != maxSeries || len(c.coarse().Times) < coarsePoints || len(c.Tracks[1].Times) < finePoints {
		t.Errorf("%d series, %d steps, %d samples", len(c.Tracks[1].Series), len(c.coarse().Times), len(c.Tracks[1].Times))
	}
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > 4<<20 {
		t.Errorf("it takes %d bytes, more than 4 MiB", took)
	}
	runtime.KeepAlive(s)

	// Containers that come later share the room, and their number is bounded: of
	// those that ended, and at all.
	for i := range 10 {
		r.Containers[0].ID = fmt.Sprint("other", i)
		for k := range 100 {
			r.Time = r.Time.Add(time.Duration(k) * time.Second)
			add(t, s, r)
		}
	}
	if len(s.containers) != maxEnded+1 || s.containers[0].coarse().most != coarsePoints/(maxEnded+1) || s.containers[0].ID != "other6" {
		t.Errorf("%d containers, %d steps, the oldest %s", len(s.containers), s.containers[0].coarse().most, s.containers[0].ID)
	}
	for i := range 2 * maxContainers {
		c := r.Containers[0]
		c.ID = fmt.Sprint("more", i)
		r.Containers = append(r.Containers, c)
	}
	add(t, s, r)
	if len(s.containers) != maxContainers {
		t.Errorf("%d containers", len(s.containers))
	}
}

// TestAddReading: a reading between two samples is kept beside them and differs from one,
// and nothing is allocated for it.
func TestAddReading(t *testing.T) {
	s := open(t, Options{Retention: 24 * time.Hour})
	r := report(start, 100)
	names := []string{Usage, Threads}
	at := start
	reading := func(c *breakdown.Container, values ...int64) {
		t.Helper()
		if err := s.AddReading(c, at, names, values); err != nil {
			t.Fatal(err)
		}
	}
	c := &r.Containers[0]
	reading(c, 1, 1)
	if len(s.containers) != 0 {
		t.Error("a container that was never sampled has a history")
	}
	for i := range int64(7) {
		if r.Time = at; i%3 == 1 {
			add(t, s, r)
		} else {
			reading(c, 5000+i, 30+i)
		}
		at = at.Add(10 * time.Second)
	}
	d := s.Document(time.Time{}, 0).Containers[0]
	fine, coarse := d.Tracks[1], d.Tracks[0]
	for name, want := range map[string]Values{
		Usage: {1100, 5002, 5003, 1100, 5005, 5006}, Threads: {21, 32, 33, 21, 35, 36},
		Row(rows.Heap): {100, Unknown, Unknown, 100, Unknown, Unknown}, JVMGeneration: {fine.Series[JVMGeneration].Last[0], Unknown, Unknown, fine.Series[JVMGeneration].Last[0], Unknown, Unknown},
	} {
		if got := fine.Series[name].Last; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for i, want := range []int{0, 0, 0, 3, 3, 3} {
		if got := fine.Sampled(i); got != want {
			t.Errorf("step %d is of sample %d, want %d", i, got, want)
		}
	}
	if usage, heap := coarse.Series[Usage].At(0), coarse.Series[Row(rows.Heap)].At(0); usage != (Point{5005, 1100, 5005}) || heap != (Point{100, 100, 100}) {
		t.Errorf("a step with both: usage %v, heap %v", usage, heap)
	}
	values := []int64{7, 7}
	long := func() { // more than is kept
		for range finePoints * 2 {
			at = at.Add(10 * time.Second)
			reading(c, values...)
		}
	}
	for range coarsePoints / finePoints * 4 {
		long()
	}
	if allocs := testing.AllocsPerRun(3, long); allocs > 0 {
		t.Errorf("%v allocations for %d notes", allocs, finePoints*2)
	}
}

func TestDocument(t *testing.T) {
	s := open(t, Options{Retention: time.Hour})
	for i := range int64(100) {
		add(t, s, report(start.Add(time.Duration(i)*10*time.Second), i))
	}
	d := s.Document(time.Time{}, 0)
	var text bytes.Buffer
	if err := d.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again)+"\n" != text.String() {
		t.Errorf("what was read is not what was written: %v", err)
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(text.Bytes()); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	half := string(compressed.Bytes()[:compressed.Len()/2])
	if back, err := Read(&compressed); err != nil || len(back.Containers) != len(d.Containers) {
		t.Errorf("compressed by gzip: %v, %v", back, err)
	}
	for text, want := range map[string]string{
		"":                              "not a history",
		"\x1f\x8b, but no gzip":         "not a history",
		half:                            "unexpected EOF",
		"{}":                            `schema ""`,
		`{"schema":"jvmem.history/v2"}`: "jvmem.history/v2",
		`{"schema":"jvmem.history/v1","containers":[null]}`:                                                                                 "no tracks",
		`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[1,2],"series":{"usage":{"last":[1]}}}]}]}`:                  "do not match",
		`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[2,1],"series":{}}]}]}`:                                      "do not match",
		`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[1],"series":{"usage":{"last":[1],"min":[1],"max":[]}}}]}]}`: "do not match",
	} {
		if _, err := Read(bytes.NewReader([]byte(text))); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"))
	f.Add([]byte(`{"schema":"jvmem.history/v1","containers":[{"tracks":[{"time_unix_ms":[1,2],"series":{"usage":{"last":[1,null]}}}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range d.Containers { // what was accepted can be walked
			last := int64(-1 << 63)
			for time := range c.Points(Usage) {
				if time < last {
					t.Fatalf("time goes back")
				}
				last = time
			}
		}
	})
}

// TestDisk: the history is there after a restart; damage loses only itself.
func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	now := time.Now().Add(-time.Hour).Truncate(time.Minute)
	run := func(from, to int) *Store {
		s := open(t, Options{Retention: 24 * time.Hour, Dir: dir})
		for i := from; i < to; i++ {
			add(t, s, report(now.Add(time.Duration(i)*10*time.Second), int64(i)))
		}
		return s
	}
	if err := run(0, 120).Close(); err != nil { // 20 minutes
		t.Fatal(err)
	}
	s := run(120, 126) // killed: the last minute is not written
	heap := s.containers[0].coarse().Series[Row(rows.Heap)]
	if len(heap.Last) != 21 || heap.At(0) != (Point{5, 0, 5}) || heap.At(19).Last != 119 {
		t.Errorf("after a restart: %+v", heap)
	}
	if used := s.containers[0].coarse().Series[PrefixNMT+"symbol"]; used.At(3).Last != 2 {
		t.Errorf("a series of which less is known: %+v", used)
	}

	files, _ := filepath.Glob(filepath.Join(dir, filePattern))
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[3][50] = 0 // damaged
	torn := bytes.Join(lines[:11], nil)
	if err := os.WriteFile(files[0], torn[:len(torn)-7], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, later := range files[1:] {
		if err := os.Remove(later); err != nil {
			t.Fatal(err)
		}
	}
	heap = run(0, 0).containers[0].coarse().Series[Row(rows.Heap)]
	if len(heap.Last) != 9 {
		t.Errorf("%d steps of 11 are left, one of them torn and one damaged", len(heap.Last))
	}
}

func TestDiskFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Retention: time.Hour, Dir: file})
	if err == nil {
		t.Error("a file instead of the folder is no error")
	}
	var failed error
	for i := range 20 {
		err := s.Add(report(start.Add(time.Duration(i)*10*time.Second), int64(i)))
		if failed != nil && err == nil {
			t.Fatal("the error is returned once only")
		}
		failed = err
	}
	if failed == nil || len(s.containers[0].Tracks[1].Times) != 20 {
		t.Errorf("%v, and %d samples are in memory", failed, len(s.containers[0].Tracks[1].Times))
	}
	if again := s.Close(); again == nil || again.Error() != failed.Error() {
		t.Errorf("the same failure has another text: %v, then %v", failed, again)
	}
}

// TestDiskIsBounded also when each start of the sidecar begins a new file.
func TestDiskIsBounded(t *testing.T) {
	dir := t.TempDir()
	for range maxFiles + 10 {
		d, err := openDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.append(&line{Identity: rows.Identity{ID: "x"}, Time: 1}); err != nil {
			t.Fatal(err)
		}
		d.close()
	}
	d, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	long := &line{Identity: rows.Identity{ID: "x"}, Time: 1, Series: map[string][3]*int64{}}
	for i := range 500 {
		long.Series[fmt.Sprint(i)] = [3]*int64{new(int64(1 << 40)), new(int64(1 << 40)), new(int64(1 << 40))}
	}
	for range 2000 {
		if err := d.append(long); err != nil {
			t.Fatal(err)
		}
	}
	files, err := d.files()
	var bytes int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	if err != nil || len(files) > maxFiles || bytes > maxDiskBytes || bytes < maxDiskBytes*3/4 {
		t.Errorf("%d files with %d bytes: %v", len(files), bytes, err)
	}
}

// TestHostileFolder: a pipe and a link with the names of our files are neither read
// nor written, and names that were kept are printable.
func TestHostileFolder(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	text := fmt.Sprintf("{\"id\":\"a\",\"time_unix_ms\":%d,\"series\":{\"usage\":[1,1,1],\"pool/\\u001b[31m\\n\":[2,2,2]}}\n", time.Now().UnixMilli())
	for _, err := range []error{
		unix.Mkfifo(filepath.Join(dir, "history-00000001.jsonl"), 0o600),
		os.WriteFile(outside, []byte(text), 0o600),
		os.Symlink(outside, filepath.Join(dir, "history-00000002.jsonl")),
		os.WriteFile(filepath.Join(dir, "history-00000003.jsonl"), []byte(text), 0o600),
		os.Symlink(outside, filepath.Join(dir, "history-00000004.jsonl")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Retention: time.Hour, Dir: dir})
	containers := s.Document(time.Time{}, 0).Containers
	if len(containers) != 1 || len(containers[0].Tracks[0].Times) != 1 {
		t.Fatalf("read %+v", containers)
	}
	if names := containers[0].Names(PrefixPool); len(names) != 1 || names[0] != `pool/\x1b[31m\n` {
		t.Errorf("names %q", names)
	}
	for i := range 20 { // the first is refused: its file would be the link
		_ = s.Add(report(time.Now().Add(time.Duration(i)*time.Hour), int64(i)))
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != text {
		t.Errorf("outside of the folder: %q, %v", got, err)
	}
	if files, _ := s.disk.files(); len(files) != 2 {
		t.Errorf("files %v", files)
	}
}

// TestReadPrintable: a history that comes from elsewhere colors no terminal.
func TestReadPrintable(t *testing.T) {
	d, err := Read(strings.NewReader(`{"schema":"jvmem.history/v1","containers":[{"name":"\u001b[2J","tracks":[{"time_unix_ms":[1],"series":{"pool/\u001b]0;\n":{"last":[1]}}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if name, names := d.Containers[0].Name, d.Containers[0].Names(""); name != `\x1b[2J` || len(names) != 1 || names[0] != `pool/\x1b]0;\n` {
		t.Errorf("%q, %q", name, names)
	}
}

// TestReadingsKeepSamples: ten readings between two samples do not push the samples out.
func TestReadingsKeepSamples(t *testing.T) {
	s, err := Open(Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	const length = 2000
	for i := range length {
		at := start.Add(time.Duration(i) * time.Second)
		r := report(at, 100<<20)
		if i%10 == 0 {
			err = s.Add(r)
		} else {
			err = s.AddReading(&r.Containers[0], at, []string{Usage}, []int64{int64(i)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	track := s.containers[0].Tracks[1]
	samples, readings, before := 0, 0, int64(0)
	for i, at := range track.Times {
		if at <= before {
			t.Errorf("time %d after %d", at, before)
		}
		before = at
		if track.Series[JVMGeneration].At(i).Last == Unknown {
			readings++
			if want := (at - start.UnixMilli()) / 1000; track.Series[Usage].At(i).Last != want {
				t.Errorf("usage %d at second %d", track.Series[Usage].At(i).Last, want)
			}
		} else {
			samples++
		}
	}
	if samples < length/10-1 || readings < finePoints/readingsShare || samples+readings > finePoints*9/8+1 {
		t.Errorf("%d samples of %d, %d readings", samples, length/10, readings)
	}
}

// TestThinned keeps the last steps and, of each part of the time before, the last sample, or
// the last reading if there is no sample.
func TestThinned(t *testing.T) {
	const known = 1
	track := &Track{Series: map[string]*Column{JVMGeneration: {}, Usage: {}}}
	for i, generation := range []int64{known, Unknown, Unknown, known, Unknown, Unknown, Unknown, Unknown, known, known} {
		track.Times = append(track.Times, int64(i)*1000)
		track.Series[JVMGeneration].Last = append(track.Series[JVMGeneration].Last, generation)
		track.Series[Usage].Last = append(track.Series[Usage].Last, int64(i))
	}
	for _, tt := range []struct {
		last, before int
		want         Values
	}{
		{2, 8, Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{2, 4, Values{0, 3, 6, 7, 8, 9}},
		{3, 1, Values{3, 7, 8, 9}},
	} {
		got := track.Thinned(tt.last, tt.before)
		if !slices.Equal(got.Series[Usage].Last, tt.want) || len(got.Times) != len(tt.want) || !got.check() {
			t.Errorf("%d and %d before: %v, want %v", tt.last, tt.before, got.Series[Usage].Last, tt.want)
		}
	}
}
