package history

import (
	"encoding/json"
	"math"
	"strconv"
)

// Unknown stands for a value that was unknown at its time. It is null in JSON.
const Unknown int64 = math.MinInt64

// Values are numbers at successive times, in bytes or as counts.
type Values []int64

// MarshalJSON writes null for Unknown.
func (v Values) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 2+10*len(v))
	out = append(out, '[')
	for i, n := range v {
		if i > 0 {
			out = append(out, ',')
		}
		if n == Unknown {
			out = append(out, "null"...)
		} else {
			out = strconv.AppendInt(out, n, 10)
		}
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads null as Unknown.
func (v *Values) UnmarshalJSON(text []byte) error {
	var numbers []*int64
	if err := json.Unmarshal(text, &numbers); err != nil {
		return err
	}
	*v = make(Values, len(numbers))
	for i, n := range numbers {
		(*v)[i] = Unknown
		if n != nil {
			(*v)[i] = *n
		}
	}
	return nil
}

// UnmarshalJSON reads a track of any version.
func (t *Track) UnmarshalJSON(text []byte) error {
	type plain Track
	if err := json.Unmarshal(text, (*plain)(t)); err != nil {
		return err
	}
	for name, c := range t.Series {
		if current := currentName(name); current != name {
			delete(t.Series, name)
			t.Series[current] = c
		}
	}
	return nil
}

// Point is the value of a series in a step of time.
type Point struct {
	Last, Min, Max int64
}

func unknownPoint() Point { return Point{Unknown, Unknown, Unknown} }

// add adds a later point of the same step.
func (p *Point) add(later Point) {
	switch {
	case later.Last == Unknown: // the known values of the step still hold
	case p.Last == Unknown:
		*p = later
	default:
		p.Last, p.Min, p.Max = later.Last, min(p.Min, later.Min), max(p.Max, later.Max)
	}
}
