package chart

import (
	"math"
	"time"
)

// byteStep returns the step of a scale up to most, a power of two, for about seven lines.
func byteStep(most float64) float64 {
	return math.Exp2(math.Ceil(math.Log2(max(most, 1<<20) / 7)))
}

// timeSteps are the steps of a time axis.
var timeSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// timeStep returns the step of a time axis for at most seven lines, and the layout of its
// labels.
func timeStep(span time.Duration) (step time.Duration, layout string) {
	const most = 7
	step = 24 * time.Hour * (span/(most*24*time.Hour) + 1)
	layout = "02 Jan"
	for _, s := range timeSteps {
		if span <= most*s {
			step, layout = s, "15:04"
			break
		}
	}
	if step < time.Minute {
		layout = "15:04:05"
	}
	return step, layout
}
