package fleet

import (
	"fmt"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Unknown is what tables show for an unknown value.
const Unknown = "-"

// Size formats bytes in the units of Kubernetes, with one decimal.
func Size(bytes float64) string {
	value, unit := bytes/(1<<10), "Ki"
	for _, larger := range []string{"Mi", "Gi", "Ti"} {
		if math.Abs(value) < 1024 {
			break
		}
		value, unit = value/1024, larger
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + unit
}

// SizeOf is Size of a value that can be unknown.
func SizeOf(bytes *int64) string {
	if bytes == nil {
		return Unknown
	}
	return Size(float64(*bytes))
}

// Seconds formats a time as kubectl formats ages.
func Seconds(s *float64) string {
	if s == nil {
		return Unknown
	}
	return duration.HumanDuration(time.Duration(min(*s, math.MaxInt64/2e9) * float64(time.Second)))
}

// Pods counts pods.
func Pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}
