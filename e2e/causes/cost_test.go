package causes

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cost is what a recording costs a JVM.
type cost struct {
	JDK                int
	Kind               string
	CPU                time.Duration
	PauseBefore, Pause time.Duration
	Bytes              int64 // that stay
}

const costWindow = 10 * time.Second

// withGains is a heap of which the live objects are counted.
const withGains = "heap --gains"

// TestCost measures one JVM after another, each with its first recording.
func TestCost(t *testing.T) {
	results.begin(t, partCost)
	for _, jdk := range jdks {
		for _, kind := range []string{"threads", "heap", withGains} {
			t.Run(fmt.Sprint(kind, "/", jdk), func(t *testing.T) {
				leak, before, recorded, more := "none", 0, kind, []string(nil)
				if kind == withGains { // what it stops depends on what is live
					leak, before, recorded, more = "heap-cache", 30_000, "heap", []string{"--gains"}
				}
				j := shop.start(t, jdk, leak, before, 0.1, "-Xms384m", "-XX:+AlwaysPreTouch")
				time.Sleep(costWindow) // it compiles and settles
				longestPause(j)
				earlier := usageOf(t, j.PID)
				time.Sleep(costWindow)
				idle := usageOf(t, j.PID)
				c := cost{JDK: jdk, Kind: kind, PauseBefore: longestPause(j)}
				started := time.Now()
				record(t, j.PID, recorded, costWindow, more...)
				after := usageOf(t, j.PID)
				took := time.Since(started)
				c.Pause = longestPause(j)
				c.CPU = after.cpu - idle.cpu - time.Duration(float64(idle.cpu-earlier.cpu)*took.Seconds()/costWindow.Seconds())
				time.Sleep(costWindow)
				c.Bytes = usageOf(t, j.PID).anonBytes - idle.anonBytes
				t.Logf("%+v", c)
				if err := results.addCost(c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// usage of a process.
type usage struct {
	cpu       time.Duration
	anonBytes int64
}

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	var u usage
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// utime and stime are fields 14 and 15, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if of, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			if _, err := fmt.Sscanf(of, "%d kB", &u.anonBytes); err != nil {
				t.Fatal(err)
			}
			u.anonBytes <<= 10
		}
	}
	return u
}
