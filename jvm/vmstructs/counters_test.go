package vmstructs

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestCounters places the fields of PerfMemory in a library of its own.
func TestCounters(t *testing.T) {
	const library, counters = 0x7000, 0x9000
	for _, tt := range []struct {
		name            string
		start, capacity uint64
		off             bool   // -XX:-UsePerfData
		missing         string // a field that the table lacks
		want            string // error
		size            int64
	}{
		{name: "in memory", start: counters, capacity: 64, size: 64},
		{name: "no counters", off: true, capacity: 64, want: ErrNoCounters.Error()},
		{name: "starting", capacity: 64, want: "not set them up yet"},
		{name: "outside of user memory", start: ^uint64(0), capacity: 64, want: "implausible"},
		{name: "size overflows", start: counters, capacity: ^uint64(0), want: "implausible"},
		{name: "size of 1 PiB", start: counters, capacity: 1 << 50, size: 1 << 50}, // package hsperf bounds it
		{name: "no address", missing: "_start", want: "does not export PerfMemory::_start"},
		{name: "no size", start: counters, missing: "_capacity", want: "does not export PerfMemory::_capacity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			statics := binary.LittleEndian.AppendUint64(nil, tt.start)
			statics = binary.LittleEndian.AppendUint64(statics, tt.capacity)
			statics = append(statics, 1)
			if tt.off {
				statics[16] = 0
			}
			m := &recording{pieces: []piece{{library, statics}, {counters, make([]byte, 64)}}}
			r := &Reader{
				memory: memory{m},
				table: table{fields: map[fieldName]field{
					{"PerfMemory", "_start"}:    {static: true, address: library},
					{"PerfMemory", "_capacity"}: {static: true, address: library + 8},
				}},
				flags: map[string]flagEntry{usePerfData: {library + 16, "bool"}},
			}
			delete(r.table.fields, fieldName{"PerfMemory", tt.missing})
			got, err := r.Counters()
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrNoCounters) != tt.off {
					t.Errorf("%v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || got.Size() != tt.size {
				t.Fatalf("%v, %v", got, err)
			}
			if n, err := got.ReadAt(make([]byte, 64), 0); n != 64 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			r.memory = memory{&ending{m, 0}}
			if _, err := r.Counters(); !errors.Is(err, ErrGone) {
				t.Errorf("of a process that ended: %v", err)
			}
		})
	}
}

// TestCountersOfJVM: they begin as the hsperfdata file does, with and without the file.
func TestCountersOfJVM(t *testing.T) {
	for _, flag := range []string{"-XX:-PerfDisableSharedMem", "-XX:+PerfDisableSharedMem"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			j := startJVM(t, 1, flag)
			r, err := Open(Options{PID: j.pid, Base: j.base, Counters: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := r.Counters()
			if err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(got)
			if err != nil || int64(len(all)) != got.Size() || len(all) < 8<<10 {
				t.Fatalf("%d bytes of %d, %v", len(all), got.Size(), err)
			}
			if head := string(all[:8]); head != "\xca\xfe\xc0\xc0\x01\x02\x00\x01" { // accessible, too
				t.Errorf("prologue %q", head)
			}
		})
	}
}
