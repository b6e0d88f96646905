package leaks

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// quiet is the time at the start in which a JVM does only its usual work.
const quiet = 10 * time.Second

// action is a command of the workload and how often it is due by a time since the start. The
// amount is derived from the clock, so delays are made up for.
type action struct {
	// command may contain {n}, the amount due since the last time, {i}, the number of the
	// call, {dir}, a folder on disk, and {shm}, a path in /dev/shm. Without {n} it is sent
	// as often as it is due.
	command string
	due     func(time.Duration) int

	done, calls int
}

func do(command string, due func(time.Duration) int) action {
	return action{command: command, due: due}
}

// next returns the commands to send at a time.
func (a *action) next(now time.Duration, dir, shm string) []string {
	n := a.due(now) - a.done
	if n <= 0 {
		return nil
	}
	a.done += n
	times, amount := n, "1"
	if strings.Contains(a.command, "{n}") {
		times, amount = 1, strconv.Itoa(n)
	}
	var lines []string
	for range times {
		a.calls++
		lines = append(lines, strings.NewReplacer("{n}", amount, "{i}", strconv.Itoa(a.calls), "{dir}", dir, "{shm}", shm).Replace(a.command))
	}
	return lines
}

// once is due at that time.
func once(at time.Duration) func(time.Duration) int {
	return func(now time.Duration) int {
		if now < at {
			return 0
		}
		return 1
	}
}

// every is due at that time, and again after each period.
func every(period, first time.Duration) func(time.Duration) int {
	return func(now time.Duration) int {
		if now < first {
			return 0
		}
		return 1 + int((now-first)/period)
	}
}

// steady is due a number of times per second, without an end.
func steady(perSecond float64) func(time.Duration) int {
	return between(quiet, math.MaxInt64, perSecond)
}

// between is due a number of times per second for a while.
func between(from, to time.Duration, perSecond float64) func(time.Duration) int {
	return func(now time.Duration) int {
		return int(max(0, (min(now, to)-from).Seconds()*perSecond))
	}
}

// saturating approaches a sum by 63 % of the remainder in each tau, like a pool that grows
// when a request finds no idle thread, or classes that are loaded at first use.
func saturating(sum int, tau time.Duration) func(time.Duration) int {
	return func(now time.Duration) int {
		since := max(0, now-quiet)
		return int(math.Round(float64(sum) * (1 - math.Exp(-float64(since)/float64(tau)))))
	}
}
