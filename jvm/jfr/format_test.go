package jfr

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// IDs of the classes of sample.
const (
	classInt = iota + 10
	classLong
	classString
	classSymbol
	classEvent
	classSecret
	classShort
)

// sample is a chunk with one event that has a string in each encoding, and others.
func sample(fixed bool) []byte {
	w := builder{fixed: fixed}
	w.record(classSecret, func(w *builder) { w.text(stringUTF8, "password", 0) })
	w.record(classEvent, func(w *builder) {
		w.long(3500) // startTime
		w.text(stringNull, "", 0)
		w.text(stringEmpty, "", 0)
		w.text(stringConstant, "", 7)
		w.text(stringUTF8, "grün", 0)
		w.text(stringChars, "日本𝄞", 0)
		w.text(stringLatin1, "naïve", 0)
		w.long(9)            // a key of a symbol
		w.integer(2, 0x7fff) // short
		w.int(2)             // array
		w.long(9)            // its elements
		w.long(10)           // no such key
		w.integer(8, -5)     // long
	})
	w.checkpoint(func(w *builder) {
		w.long(classString)
		w.int(1)
		w.long(7)
		w.text(stringUTF8, "constant", 0)
	}, func(w *builder) {
		w.long(classSymbol)
		w.int(1)
		w.long(9)
		w.text(stringUTF8, "com/acme/Order", 0)
	})
	w.metadata(root(
		newClass(classInt, "int"), newClass(classLong, "long"), newClass(classShort, "short"), newClass(classString, stringClass),
		newClass(classSymbol, "jdk.types.Symbol", [2]string{"string", "12"}),
		newClass(classEvent, "acme.Event", [2]string{"startTime", "11"},
			[2]string{"null", "12"}, [2]string{"empty", "12"}, [2]string{"constant", "12"}, [2]string{"utf8", "12"},
			[2]string{"chars", "12"}, [2]string{"latin1", "12"}, [2]string{"symbol", "*13"}, [2]string{"short", "16"},
			[2]string{"array", "*[13"}, [2]string{"long", "11"}),
		newClass(classSecret, "jdk.InitialSystemProperty", [2]string{"value", "12"}),
	))
	return w.chunk()
}

func read(t *testing.T, b []byte, wanted ...string) ([]Event, *Reader, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), wanted, Budget{})
	if err != nil {
		t.Fatal(err)
	}
	var events []Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return events, r, nil
		}
		if err != nil {
			return events, r, err
		}
		kept := *e.c // an event is valid until the next call
		kept.event = bytes.Clone(kept.event)
		e.c = &kept
		events = append(events, *e)
	}
}

func TestEncodings(t *testing.T) {
	for name, fixed := range map[string]bool{"compressed": false, "fixed": true} {
		t.Run(name, func(t *testing.T) {
			b := sample(fixed)
			events, r, err := read(t, append(b, b...), "acme.Event")
			if err != nil || len(events) != 2 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			if i := r.Info(); i.Incomplete || i.Chunks != 2 || !i.Known["acme.Event"] {
				t.Errorf("%+v", i)
			}
			e := events[1]
			for field, want := range map[string]string{
				"empty": "", "constant": "constant", "utf8": "grün", "chars": "日本𝄞", "latin1": "naïve", "symbol": "com/acme/Order",
			} {
				if s, ok := e.Field(field).Text(); !ok || s != want {
					t.Errorf("%s: %q, %v; want %q", field, s, ok, want)
				}
			}
			if s, ok := e.Field("null").Text(); ok || s != "" {
				t.Errorf("null: %q, %v", s, ok)
			}
			if n, ok := e.Field("short").Int(); !ok || n != 0x7fff {
				t.Errorf("short: %d, %v", n, ok)
			}
			if n, ok := e.Field("long").Int(); !ok || n != -5 {
				t.Errorf("long: %d, %v", n, ok)
			}
			if want := time.Unix(1_700_000_002, 500e6); !e.Start.Equal(want) {
				t.Errorf("start %v, want %v", e.Start, want)
			}
			var found []bool
			for v := range e.Field("array").Elements() {
				found = append(found, v.OK())
			}
			if len(found) != 2 || !found[0] || found[1] {
				t.Errorf("array: %v", found)
			}
			if e.Field("symbol").Key() != 9 {
				t.Errorf("key %d", e.Field("symbol").Key())
			}
			for _, absent := range []Value{e.Field("none"), e.Field("symbol", "none"), e.Field("none", "none"), {}} {
				if absent.OK() || absent.Type() != "" || absent.ClassName() != "" {
					t.Errorf("%+v", absent)
				}
			}
		})
	}
}

func TestSecretsAreRefused(t *testing.T) {
	for name := range secrets {
		if _, err := NewReader(bytes.NewReader(nil), 0, []string{"jdk.ThreadStart", name}, Budget{}); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is cut off anywhere must give what is before, without an error of another kind.
func TestCutOff(t *testing.T) {
	whole := sample(false)
	for n := range whole {
		events, r, err := read(t, whole[:n], "acme.Event")
		switch {
		case err != nil && !errors.Is(err, ErrNoMetadata) && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("%d bytes: %v", n, err)
		case n > 0 && !r.Info().Incomplete:
			t.Errorf("%d bytes: complete, %d events", n, len(events))
		}
	}
}

func TestMalformed(t *testing.T) {
	metadata := func(classes ...element) []byte {
		w := builder{}
		w.record(20, func(w *builder) { w.b = append(w.b, 1, 1) })
		w.checkpoint(func(w *builder) { w.long(20); w.int(1); w.long(1); w.b = append(w.b, 0) })
		w.metadata(root(classes...))
		return w.chunk()
	}
	deep := element{name: "class"}
	for range 100 {
		deep = element{name: "class", attributes: [][2]string{{"id", "1"}}, in: []element{deep}}
	}
	// Each class has many fields of the next one, and the last one has none: 60^16 steps, no byte.
	var wide []element
	for id := int64(20); id < 36; id++ {
		var fields [][2]string
		for range 60 {
			fields = append(fields, [2]string{"f", string('0'+byte((id+1)/10)) + string('0'+byte((id+1)%10))})
		}
		wide = append(wide, newClass(id, "acme.Event", fields...))
	}
	wide = append(wide, newClass(36, "acme.Empty"))
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"other file":          {[]byte(strings.Repeat("x", 200)), ErrMalformed},
		"deep metadata":       {metadata(deep), ErrMalformed},
		"class of no number":  {metadata(element{name: "class", attributes: [][2]string{{"id", "x"}}}), ErrMalformed},
		"class in itself":     {metadata(newClass(20, "acme.Event", [2]string{"f", "20"})), ErrMalformed},
		"field of no class":   {metadata(newClass(20, "acme.Event", [2]string{"f", "99"})), ErrMalformed},
		"work without bytes":  {metadata(wide...), ErrBudget},
		"no class in a chunk": {metadata(), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := read(t, c.b, "acme.Event"); !errors.Is(err, c.want) && !(name == "no class in a chunk" && err == nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	b := sample(false)
	for _, budget := range []Budget{{Work: 5}, {PoolBytes: 20}} {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), []string{"acme.Event"}, budget)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, ErrBudget) {
			t.Errorf("%+v: %v", budget, err)
		}
	}
}
