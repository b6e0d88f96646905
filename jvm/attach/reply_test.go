package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/jvmtest"
)

func TestReadReply(t *testing.T) {
	var buffer bytes.Buffer
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		r    io.Reader
		want Reply
		err  error
	}{
		{"no text", strings.NewReader("0\n"), Reply{}, nil},
		{"text", strings.NewReader("0\nJDK 17\n"), Reply{Text: "JDK 17\n"}, nil},
		{"refused", strings.NewReader("-1\nUnknown\n"), Reply{Code: -1, Text: "Unknown\n"}, nil},
		{"text of the greatest size", strings.NewReader("0\n0123456789"), Reply{Text: "0123456789"}, nil},
		{"one byte more", strings.NewReader("0\n0123456789a"), Reply{Text: "0123456789", Truncated: true}, errTooLarge},
		{"far more, long code", strings.NewReader("-2147483648\n0123456789" + strings.Repeat("a", 99)),
			Reply{Code: -2147483648, Text: "0123456789", Truncated: true}, errTooLarge},
		{"nothing", strings.NewReader(""), Reply{Truncated: true}, errNoReply},
		{"reset before the code", iotest.ErrReader(broken), Reply{Truncated: true}, broken},
		{"broken in the code", io.MultiReader(strings.NewReader("10"), iotest.ErrReader(broken)), Reply{Truncated: true}, broken},
		{"broken in the text", io.MultiReader(strings.NewReader("0\nJDK"), iotest.ErrReader(broken)), Reply{Text: "JDK", Truncated: true}, broken},
		{"end in the code", strings.NewReader("0"), Reply{}, errNoCode},
		{"HTTP", strings.NewReader("HTTP/1.1 400 Bad Request\r\n\r\n"), Reply{}, errNoCode},
		{"code with a carriage return", strings.NewReader("0\r\n"), Reply{}, errNoCode},
		{"no code", strings.NewReader("\ntext"), Reply{}, errNoCode},
		{"code beyond an int", strings.NewReader("2147483648\n"), Reply{}, errNoCode},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readReply(test.r, 10, &buffer)
			if got != test.want || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, test.want, test.err)
			}
		})
	}
}

// TestWithoutMappings: of a reply to VM.info the lines of /proc/self/maps are left out, however
// the bytes are divided into reads, and all others remain.
func TestWithoutMappings(t *testing.T) {
	const mapping = "7f1c2c000000-7f1c2c021000 rw-s 00000000 fe:00 42                     /data/index of %d\n"
	long := strings.Repeat("a", 3*usualBytes)
	var reply strings.Builder
	reply.WriteString("0\n# JRE version 17\n" + long + "\nDynamic libraries:\n")
	for i := range 2000 {
		fmt.Fprintf(&reply, mapping, i)
	}
	reply.WriteString("\nVM Arguments:\nf0000000-ffe00000 of the heap\n7f1c2c000000-7f1c2c021000\nEND.")
	want := "# JRE version 17\n" + long + "\nDynamic libraries:\n\nVM Arguments:\nf0000000-ffe00000 of the heap\n7f1c2c000000-7f1c2c021000\nEND."
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(reply.String()), "byte by byte": iotest.OneByteReader(strings.NewReader(reply.String())),
		"with the end": iotest.DataErrReader(strings.NewReader(reply.String())),
	} {
		got, err := readReply(newWithoutMappings(r), 1<<20, new(bytes.Buffer))
		if err != nil || got.Text != want || got.Truncated {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got.Text), len(want), err)
		}
	}
	unended := strings.Repeat("0123456789", 100) // longer than one of these reads
	if got, err := io.ReadAll(newWithoutMappings(strings.NewReader(unended))); err != nil || string(got) != unended {
		t.Errorf("a line without an end: %q, %v", got, err)
	}
	endless := newWithoutMappings(strings.NewReader("0\n" + strings.Repeat(mapping, 2)))
	endless.left = int64(len(mapping))
	if _, err := readReply(endless, 1<<20, new(bytes.Buffer)); !errors.Is(err, errTooLarge) {
		t.Errorf("more mappings than are read: %v", err)
	}
	for _, path := range jvmtest.Captures(t, "../dcmd/testdata/jdk*/*/vm_info.txt.gz", 62) {
		info := jvmtest.CaptureText(t, path)
		got, err := readReply(newWithoutMappings(strings.NewReader("0\n"+info)), 1<<20, new(bytes.Buffer))
		if err != nil || strings.Contains(got.Text, "libjvm.so\n") {
			t.Errorf("%s: %d of %d bytes, %v", path, len(got.Text), len(info), err)
		}
		parsed, err := dcmd.ParseVMInfo(got.Text)
		want, wantErr := dcmd.ParseVMInfo(info)
		if !reflect.DeepEqual(parsed, want) || err != nil || wantErr != nil {
			t.Errorf("%s: %+v, %v; want %+v, %v", path, parsed, err, want, wantErr)
		}
	}
}

// A reply is taken only if its parts give back the bytes it came as, and how
// the bytes are divided into reads makes no difference.
func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{"", "0\n", "0\nJDK 17.0.15\n", "-1\njava.lang.IllegalArgumentException: x\n", "101\n", "+1\n", "00\n", "-0\n", "12345678901\n\n", "0\n7f1c2c000000-7f1c2c021000 rw-p 00000000 00:00 0\nEND."} {
		f.Add(seed, int64(16))
	}
	f.Fuzz(func(t *testing.T, raw string, maxBytes int64) {
		whole, _ := io.ReadAll(newWithoutMappings(strings.NewReader(raw)))
		parts, _ := io.ReadAll(newWithoutMappings(iotest.OneByteReader(strings.NewReader(raw))))
		var others []byte
		for line := range strings.Lines(raw) {
			if !isMapping([]byte(line)) {
				others = append(others, line...)
			}
		}
		if !bytes.Equal(whole, parts) || len(raw) < usualBytes && !bytes.Equal(whole, others) {
			t.Fatalf("%q without mappings: %q, byte by byte %q", raw, whole, parts)
		}
		var buffer bytes.Buffer
		maxBytes &= 1<<16 - 1
		got, err := readReply(strings.NewReader(raw), maxBytes, &buffer)
		byByte, byByteErr := readReply(iotest.OneByteReader(strings.NewReader(raw)), maxBytes, &buffer)
		if got != byByte || (err == nil) != (byByteErr == nil) {
			t.Fatalf("whole: %+v, %v; byte by byte: %+v, %v", got, err, byByte, byByteErr)
		}
		again := strconv.Itoa(got.Code) + "\n" + got.Text
		switch {
		case err == nil && (again != raw || got.Truncated || int64(len(got.Text)) > maxBytes):
			t.Fatalf("%q became %+v", raw, got)
		case errors.Is(err, errTooLarge) && (!strings.HasPrefix(raw, again) || len(raw) <= len(again) || !got.Truncated || int64(len(got.Text)) != maxBytes):
			t.Fatalf("%q was cut to %+v", raw, got)
		case err != nil && !errors.Is(err, errTooLarge) && got.Text != "":
			t.Fatalf("%q: %v with a text: %+v", raw, err, got)
		}
	})
}

// TestSettings: nothing but names of events, settings and methods gets into a command.
func TestSettings(t *testing.T) {
	r := StartRecording{Duration: 1500 * time.Millisecond, Settings: []Setting{{"jdk.OldObjectSample", "cutoff", "0 ns"}, {"jdk.ObjectAllocationSample", "throttle", "100/s"}, {"jdk.MethodTrace", "filter", "a.B$C::<init>;a.D::m_1"}}}
	const want = "JFR.start name=jvmem dumponexit=false maxsize=16M filename=/dev/null duration=2s settings=none +jdk.OldObjectSample#cutoff=0ns +jdk.ObjectAllocationSample#throttle=100/s +jdk.MethodTrace#filter=a.B$C::<init>;a.D::m_1"
	if got := r.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, s := range []Setting{{"jdk.ThreadStart", "enabled", "true\nGC.run"}, {"com.acme.Event", "enabled", "true"}, {"jdk.ThreadStart#x=", "enabled", "true"}, {"jdk.ThreadStart", "enabled", `"`}, {"jdk.ThreadStart", "enabled", ""}} {
		r.Settings = []Setting{s}
		if got := r.String(); got != "" {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

func TestRequest(t *testing.T) {
	for major, want := range map[int]string{
		0:  "1\x00jcmd\x00VM.native_memory summary\nGC.heap_info\x00\x00\x00",
		24: "1\x00jcmd\x00VM.native_memory summary\nGC.heap_info\x00\x00\x00",
		25: "2\x0055\x00jcmd streaming=0\x00VM.native_memory summary\nGC.heap_info\x00",
	} {
		got, err := request([]Command{NativeMemorySummary, HeapInfo}, major)
		if err != nil || string(got) != want {
			t.Errorf("JDK %d: got %q, %v; want %q", major, got, err, want)
		}
	}
	var all, tooMany []Command
	for c := VMVersion; int(c) < len(queryTexts); c++ {
		all = append(all, c)
	}
	if _, err := request(all, 0); err != nil {
		t.Errorf("all commands: %v", err)
	}
	for range 64 {
		tooMany = append(tooMany, MetaspaceNodes)
	}
	for name, commands := range map[string][]Command{"none": nil, "zero": {Query(0)}, "beyond": {VMVersion, Query(len(queryTexts))}, "no process": {HeapDump{}}, "no effect": {Intervention(0)}, "nothing to record": {StartRecording{Duration: time.Second}}, "too many": tooMany} {
		if got, err := request(commands, 0); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}
