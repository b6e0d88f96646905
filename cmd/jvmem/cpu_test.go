package main

import (
	"strings"
	"testing"
)

func TestCPUValue(t *testing.T) {
	for s, want := range map[string]struct {
		millicores string
		warned     bool
	}{
		"0": {"0", false}, "0m": {"0", false}, "0%": {"0", true},
		"1m": {"1m", false}, "250m": {"250m", false}, "0.5m": {"0.5m", false}, "1500m": {"1500m", false},
		"0.001": {"1m", false}, "0.0099": {"9.9m", false}, "1e-3": {"1m", false},
		"0.1%": {"1m", true}, "100%": {"1000m", true},
		// Numbers of earlier releases, which are percent.
		"0.1": {"1m", true}, "0.01": {"0.1m", true}, "0.25": {"2.5m", true}, "1": {"10m", true}, "5": {"50m", true},
	} {
		v := cpuValue{cores: new(float64)}
		if err := v.Set(s); err != nil || v.String() != want.millicores || (v.warning != "") != want.warned {
			t.Errorf("%q: %s, %v, warning %q; want %+v", s, &v, err, v.warning, want)
		}
		if v.warning != "" && !strings.Contains(v.warning, "write "+want.millicores+".") {
			t.Errorf("%q: %s", s, v.warning)
		}
		again := cpuValue{cores: new(float64)}
		if err := again.Set(v.String()); err != nil || again.warning != "" || *again.cores != *v.cores {
			t.Errorf("%q: %s is read as %s, %v", s, &v, &again, err)
		}
	}
	for _, s := range []string{"", "-1", "-1m", "NaN", "Inf", "m", "%", "1 m", "1k", "one"} {
		v := cpuValue{cores: new(float64)}
		if err := v.Set(s); err == nil || !strings.Contains(err.Error(), "CPU cores") {
			t.Errorf("%q: %s, %v", s, &v, err)
		}
	}
}
