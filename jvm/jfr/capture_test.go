package jfr

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/jvm/jvmtest"
)

// recorded are the event types in the captures.
var recorded = []string{
	"jdk.ThreadStart", "jdk.ThreadEnd", "jdk.ClassDefine", "jdk.ClassUnload", "jdk.OldObjectSample", "jdk.GarbageCollection", "jdk.MethodTrace",
}

// TestMatchesJFRPrint: every value that `jfr print --json` of JDK 25 prints of the first events
// of a type is read, and there are as many events.
func TestMatchesJFRPrint(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/jdk*/*.json.gz", 15) {
		name := strings.TrimSuffix(path, ".json.gz")
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			var printed map[string]struct {
				Count int
				First []map[string]any // events
			}
			decoder := json.NewDecoder(bytes.NewReader(jvmtest.Capture(t, path)))
			decoder.UseNumber()
			if err := decoder.Decode(&printed); err != nil {
				t.Fatal(err)
			}
			b := jvmtest.Capture(t, name+".jfr.gz")
			events, _, err := read(t, b, recorded...)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortStableFunc(events, func(a, b Event) int { return end(a).Compare(end(b)) }) // as it prints
			byType := make(map[string][]Event)
			for _, e := range events {
				byType[e.Type()] = append(byType[e.Type()], e)
			}
			if len(byType) != len(printed) || len(printed) == 0 {
				t.Errorf("%d types, printed %d", len(byType), len(printed))
			}
			for name, want := range printed {
				if n := len(byType[name]); n != want.Count {
					t.Fatalf("%s: %d events, printed %d", name, n, want.Count)
				}
				for i, values := range want.First {
					compareObject(t, name, byType[name][i].Value, values)
				}
			}
		})
	}
}

// end returns when an event ended.
func end(e Event) time.Time {
	ticks, _ := e.Field("duration").Int()
	return e.c.time(e.c.startTicks + ticks).Add(e.Start.Sub(e.Chunk.Start))
}

// formatted are fields that are printed as a time, a duration or an address.
var formatted = map[string]bool{
	"startTime": true, "duration": true, "allocationTime": true, "objectAge": true, "address": true, "sumOfPauses": true, "longestPause": true,
}

func compareObject(t *testing.T, path string, v Value, want map[string]any) {
	for name, value := range want {
		if !formatted[name] {
			compare(t, path+"."+name, v.Field(name), value)
		}
	}
}

func compare(t *testing.T, path string, v Value, want any) {
	switch want := want.(type) {
	case nil:
		if s, ok := v.Text(); ok || len(s) > 0 {
			t.Errorf("%s: %q, printed null", path, s)
		}
	case string:
		got, _ := v.Text()
		// A class that a JVM defined anonymously, and the loader of the JVM, are printed so.
		if got != want && strings.ReplaceAll(got, "/", ".") != strings.ReplaceAll(want, "/", ".") {
			t.Errorf("%s: %q, printed %q", path, got, want)
		}
	case json.Number:
		if got, ok := v.Int(); !ok || json.Number(jsonInt(got)) != want {
			t.Errorf("%s: %d %v, printed %s", path, got, ok, want)
		}
	case bool:
		if got, ok := v.Int(); !ok || (got != 0) != want {
			t.Errorf("%s: %d %v, printed %v", path, got, ok, want)
		}
	case []any:
		i := 0
		for e := range v.Elements() {
			if i < len(want) {
				compare(t, path, e, want[i])
			}
			i++
		}
		if i != len(want) {
			t.Errorf("%s: %d elements, printed %d", path, i, len(want))
		}
	case map[string]any:
		compareObject(t, path, v, want)
	}
}

func jsonInt(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestOpenChunk reads chunks that were copied while a JVM wrote them.
func TestOpenChunk(t *testing.T) {
	for _, path := range jvmtest.Captures(t, "testdata/jdk*/*-open.gz", 3) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			events, r, err := read(t, jvmtest.Capture(t, path), recorded...)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				frames, _ := e.Field("stackTrace").Frames(nil)
				if e.Type() == "jdk.ThreadStart" && len(frames) == 0 {
					t.Errorf("a start without a stack at %v", e.Start)
				}
			}
			if i := r.Info(); len(events) < 20 || !i.Incomplete || !i.To.After(i.From) {
				t.Errorf("%d events, %+v", len(events), i)
			}
		})
	}
}

// A JVM before 17 has written nothing, or no metadata, before the end of a chunk.
func TestOpenChunkWithoutMetadata(t *testing.T) {
	b := sample(false)
	for name, b := range map[string][]byte{"empty": nil, "header": b[:headerBytes], "an event": b[:headerBytes+20]} {
		if _, _, err := read(t, b, recorded...); !errors.Is(err, ErrNoMetadata) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReader: whatever a file has, reading it ends, within the budget, and the frames of its
// stacks have lines of class files.
func FuzzReader(f *testing.F) {
	f.Add(sample(false))
	f.Add(sample(true))
	f.Add(jvmtest.Capture(f, "testdata/jdk8/classes.jfr.gz"))
	f.Add(jvmtest.Capture(f, "testdata/jdk25/threads.jfr.gz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		wanted := append([]string{"acme.Event"}, recorded...)
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), wanted, Budget{Work: 1e6, PoolBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var frames []Frame
		for {
			e, err := r.Next()
			if err != nil {
				if e != nil {
					t.Fatal("an event beside an error")
				}
				if _, again := r.Next(); again == nil {
					t.Fatal("an event after an error")
				}
				return
			}
			frames, _ = e.Field("stackTrace").Frames(frames[:0])
			for _, f := range frames {
				if f.Line < 0 || f.Line > math.MaxUint16 {
					t.Fatalf("line %d", f.Line)
				}
			}
			for o := e.Field("object"); o.OK(); o = o.Field("referrer", "object") {
				o.Field("description").Text()
				if r.budget.Work < 0 {
					break
				}
			}
			e.Field("thread", "javaName").Text()
			e.Field("symbol").Text()
		}
	})
}
