package leaks

import "time"

// diagnosis is the contract's jvmem.diagnosis/v1, as far as it is judged.
type diagnosis struct {
	Schema     string     `json:"schema"`
	Time       time.Time  `json:"time"`
	Containers []judgment `json:"containers"`
}

type judgment struct {
	Verdict    string    `json:"verdict"`
	Subject    string    `json:"subject"`
	Confidence *float64  `json:"confidence"`
	Summary    string    `json:"summary"`
	Forecast   *forecast `json:"forecast"`
}

type forecast struct {
	Reached     string   `json:"reached"`
	Seconds     float64  `json:"seconds"`
	LowSeconds  *float64 `json:"low_seconds"`
	HighSeconds *float64 `json:"high_seconds"`
}

// breakdown is the contract's jvmem.breakdown/v1, as far as it is printed.
type breakdown struct {
	Time       time.Time `json:"time"`
	Containers []struct {
		UsageBytes *int64 `json:"usage_bytes"`
		Memory     []row  `json:"memory"`
	} `json:"containers"`
}

type row struct {
	Name   string `json:"name"`
	Bytes  *int64 `json:"bytes"`
	Detail []row  `json:"detail"`
}

// rows are all rows in bytes, and the details of native, at one time.
type rows struct {
	time  time.Time
	bytes map[string]int64
}

// rowsOf returns nil if there is nothing to see.
func rowsOf(b *breakdown) *rows {
	if len(b.Containers) != 1 {
		return nil
	}
	r := &rows{b.Time, map[string]int64{}}
	for _, one := range b.Containers[0].Memory {
		if one.Bytes != nil {
			r.bytes[one.Name] = *one.Bytes
		}
		for _, d := range one.Detail {
			if one.Name == "native" && d.Bytes != nil {
				r.bytes[one.Name+"."+d.Name] = *d.Bytes
			}
		}
	}
	return r
}
