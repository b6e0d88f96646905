package performance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/performance/report"
	"github.com/jvmem/jvmem/jvm/attach"
)

// again is the number of requests after the first.
const again = 10

// effect is the effect of a command on a JVM, in milliseconds and KiB.
type effect struct {
	first, later               []float64 // until the reply is complete
	stoppedFirst, stoppedLater []float64 // from the JVM's safepoint log; later: the longest
	grewFirst, grewLater       []float64 // private memory; later: of all of them
	replyKB                    float64
}

// TestCommands sends each command that jvmem can send to fresh JVMs.
func TestCommands(t *testing.T) {
	jdks := []*jdk{installed(t)}
	latest, noLatest := newest()
	if noLatest == nil {
		jdks = append(jdks, latest)
	}
	var versions []string
	var text strings.Builder
	for _, d := range jdks {
		out := &report.Table{Head: []string{"command", "first ms", "later ms", "stop ms, first", "longest later", "grows KiB, first",
			fmt.Sprintf("next %d", again), "reply kB"}}
		for c := attach.VMVersion; c.String() != ""; c++ {
			t.Run(strings.ReplaceAll(fmt.Sprint(d.name, " ", c), " ", "_"), func(t *testing.T) {
				e := &effect{}
				for range *fresh {
					of, known := e.try(t, d, c)
					if !slices.Contains(versions, of) {
						versions = append(versions, of)
					}
					if !known {
						out.Add("`"+c.String()+"`", "unsupported")
						return
					}
				}
				out.Add("`"+c.String()+"`", number(e.first), number(e.later), number(e.stoppedFirst), number(e.stoppedLater),
					number(e.grewFirst), number(e.grewLater), report.Number(e.replyKB))
			})
		}
		if len(versions) > 0 {
			fmt.Fprintf(&text, "**JDK %s**\n\n%s\n", feature(versions[len(versions)-1]), out)
		}
	}
	if noLatest != nil {
		fmt.Fprintf(&text, "The newest JDK is not available: %v\n", noLatest)
	}
	if t.Failed() {
		return
	}
	write(t, "commands", fmt.Sprintf("%s\nMedians of %d fresh JVMs for each command.\n\n%s", machine(t, versions...), *fresh, text.String()))
}

// try sends a command to a fresh JVM. It returns the version of the JVM and whether it
// supports the command.
func (e *effect) try(t *testing.T, d *jdk, command attach.Command) (of string, known bool) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "safepoints")
	flags := []string{"-Xlog:safepoint:file=" + log}
	if command == attach.NativeMemoryDetail {
		flags = append(flags, "-XX:NativeMemoryTracking=detail")
	}
	j := d.start(t, 200, 64, flags...)
	client := attach.New(target(t, j), attach.Options{}) // not measured: the handshake
	stops, before := len(safepoints(t, log)), privateKiB(t, j.PID)
	begun := time.Now()
	reply, err := client.Do(t.Context(), command)
	first := time.Since(begun)
	if errors.Is(err, attach.ErrCommand) {
		return version(t, j), false
	}
	if err != nil {
		t.Fatal(err)
	}
	e.first = append(e.first, milliseconds(first))
	firstStops := safepoints(t, log)[stops:]
	total, _ := stopped(firstStops)
	e.stoppedFirst = append(e.stoppedFirst, milliseconds(total))
	grown := privateKiB(t, j.PID)
	e.grewFirst = append(e.grewFirst, grown-before)
	e.replyKB = float64(len(reply.Text)) / 1000

	stops += len(firstStops)
	begun = time.Now()
	for range again {
		if _, err := client.Do(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	e.later = append(e.later, milliseconds(time.Since(begun))/again)
	_, longest := stopped(safepoints(t, log)[stops:])
	e.stoppedLater = append(e.stoppedLater, milliseconds(longest))
	e.grewLater = append(e.grewLater, privateKiB(t, j.PID)-grown)
	return version(t, j), true
}

// stopped returns the sum of the stops, and the longest.
func stopped(stops []safepoint) (total, longest time.Duration) {
	for _, s := range stops {
		total, longest = total+s.stop, max(longest, s.stop)
	}
	return total, longest
}

// safepoint is a stop in a JVM's log.
type safepoint struct {
	operation string
	stop      time.Duration
}

var safepointLine = regexp.MustCompile(`Safepoint "(\w+)".* Total: +(\d+) ns`)

// safepoints returns the stops in a JVM's log.
func safepoints(t *testing.T, log string) (all []safepoint) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range safepointLine.FindAllStringSubmatch(string(text), -1) {
		stop, err := time.ParseDuration(of[2] + "ns")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, safepoint{of[1], stop})
	}
	return all
}

// privateKiB is the anonymous memory of a process from its page tables; RssAnon can lag
// by some pages per CPU.
func privateKiB(t *testing.T, pid int) float64 {
	t.Helper()
	return fileMiB(t, fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Anonymous") * 1024
}
