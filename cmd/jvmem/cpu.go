package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// minPercent is the smallest number without a unit that is read as percent.
const minPercent = 0.01

// cpuValue is a number of CPU cores as a flag. It is written as in Kubernetes: 0.001 or
// 1m. In releases up to 0.1 the number was a percentage of one core, with a default of 0.1.
// For one release it is still read so: 0.1%, and numbers without a unit from 0.01 on. Read
// as cores, such a number would allow more, so jvmem never uses more CPU than was meant.
type cpuValue struct {
	cores   *float64
	warning string // "": the value is written in the present form
}

// String returns millicores.
func (v *cpuValue) String() string {
	if v.cores == nil || *v.cores == 0 {
		return "0"
	}
	return strconv.FormatFloat(*v.cores*1000, 'g', 10, 64) + "m"
}

// Type names the value in the help.
func (v *cpuValue) Type() string { return "cpu" }

// Set parses a value.
func (v *cpuValue) Set(s string) error {
	number, unit := s, 1.0
	if n, ok := strings.CutSuffix(s, "m"); ok {
		number, unit = n, 0.001
	} else if n, ok := strings.CutSuffix(s, "%"); ok {
		number, unit = n, 0.01
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return fmt.Errorf("%q is not a number of CPU cores: use 0 or more, for example 1m or 0.001", s)
	}
	if number == s && n >= minPercent {
		unit = 0.01
	}
	*v.cores, v.warning = n*unit, ""
	if unit == 0.01 {
		v.warning = fmt.Sprintf("--max-cpu %s is read as percent of one core, as in earlier releases: write %s. The next release reads numbers without a unit as cores", s, v)
	}
	return nil
}
