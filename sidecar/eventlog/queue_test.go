package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jvmem/jvmem/sidecar/autopsy"
)

// gate is a pipe that blocks until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (g *gate) Write(line []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(line)
}

// logAutopsy logs an autopsy with a number.
func logAutopsy(t *testing.T, log *Log, number int) {
	t.Helper()
	a := autopsy.Explain(autopsy.Death{Time: time.Now(), PID: number}, autopsy.State{})
	if err := log.Autopsy(t.Context(), nil, &a); err != nil {
		t.Fatal(err)
	}
}

// TestStuckPipe: while standard output is not read, breakdowns are dropped before other
// lines, the oldest first, and autopsies last. A notice before the next line has the count.
func TestStuckPipe(t *testing.T) {
	for _, tt := range []struct {
		name                            string
		breakdowns, warnings, autopsies int
		kept                            string // the kinds of which none is dropped
	}{
		{"breakdowns", 1000, 10, 3, "warning autopsy"},
		{"warnings", 50, 2000, 3, "autopsy"},
		{"autopsies", 50, 10, 2000, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &gate{open: make(chan struct{})}
			log := Start(g, "v1.2.3")
			// A text that looks like the field of an autopsy does not raise the rank.
			r := report()
			r.Containers = r.Containers[:1]
			r.Containers[0].Name = `"log":{"logger":"jvmem.oom"}`
			total := map[string]int{"breakdown": tt.breakdowns, "warning": tt.warnings, "autopsy": tt.autopsies}
			for i := range max(tt.breakdowns, tt.warnings, tt.autopsies) {
				if i < tt.autopsies {
					logAutopsy(t, log, i+1)
				}
				if i < tt.warnings {
					log.Warn(fmt.Sprint("warning ", i))
				}
				if i < tt.breakdowns {
					if err := log.Breakdown(t.Context(), r, unjudged); err != nil {
						t.Fatal(err)
					}
				}
				log.queue.mu.Lock()
				waiting := log.queue.bytes
				log.queue.mu.Unlock()
				if waiting > maxQueueBytes {
					t.Fatalf("%d bytes wait", waiting)
				}
			}
			close(g.open)
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			got, notices, dropped := map[string]int{}, 0, 0
			last := ""
			for _, line := range split(t, g.text.String()) {
				var l struct {
					Message string
					Event   struct{ Dataset string }
				}
				if err := json.Unmarshal([]byte(line), &l); err != nil {
					t.Fatal(err)
				}
				switch {
				case strings.HasPrefix(l.Message, "dropped "):
					notices++
					var n int
					if _, err := fmt.Sscanf(l.Message, "dropped %d log lines: standard output was not read", &n); err != nil {
						t.Fatal(err)
					}
					dropped += n // one before the writer was stuck, and one after it
				case l.Event.Dataset == "jvmem.breakdown":
					got["breakdown"]++
				case l.Event.Dataset == "jvmem.oom":
					got["autopsy"]++
					last = line
				default:
					got["warning"]++
				}
			}
			for kind, n := range total {
				if strings.Contains(tt.kept, kind) && got[kind] != n {
					t.Errorf("%d lines of kind %s, want all %d", got[kind], kind, n)
				}
			}
			all := tt.breakdowns + tt.warnings + tt.autopsies
			if written := got["breakdown"] + got["warning"] + got["autopsy"]; notices > 2 || dropped == 0 || written+dropped != all {
				t.Errorf("%d lines written, %d reported as dropped in %d notices, want %d together", written, dropped, notices, all)
			}
			if log.Dropped() != int64(dropped) {
				t.Errorf("%d counted as dropped, %d reported", log.Dropped(), dropped)
			}
			if want := fmt.Sprintf(`"pid":%d}`, tt.autopsies); !strings.Contains(last, want) {
				t.Errorf("the last autopsy is %s, want %s", last, want)
			}
		})
	}
}

func TestQueueErrors(t *testing.T) {
	reader, writer := io.Pipe()
	log := Start(writer, "v1.2.3")
	if err := reader.CloseWithError(os.ErrClosed); err != nil {
		t.Fatal(err)
	}
	if err := log.Breakdown(t.Context(), report(), unjudged); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	if err := log.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed pipe: %v", err)
	}
	if err := log.Breakdown(t.Context(), report(), unjudged); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the line after it: %v", err)
	}
	stuck := Start(&gate{open: make(chan struct{})}, "v1.2.3")
	stuck.Warn("a line")
	begun := time.Now()
	if err := stuck.Close(); err != nil || time.Since(begun) > 3*flushTimeout {
		t.Errorf("Close of a stuck pipe: %v after %s", err, time.Since(begun))
	}
}
