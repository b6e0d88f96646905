package incidents

import (
	"slices"
	"time"

	"github.com/jvmem/jvmem/sidecar/diagnosis"
)

// Action is what happened to an incident.
type Action string

// The actions.
const (
	Opened    Action = "incident_opened"
	Confirmed Action = "incident_confirmed"
	Paused    Action = "incident_paused"
	Resumed   Action = "incident_resumed"
	Closed    Action = "incident_closed"
)

// Change is a change of an incident's state.
type Change struct {
	Action   Action
	Incident diagnosis.Incident // after the change
}

// Changes returns what changed between two judgments of a container, in the order of the
// incidents. One that is no longer there is closed: its JVM ended.
func Changes(before, after []diagnosis.Incident, at time.Time) []Change {
	var all []Change
	for _, now := range after {
		was := find(before, now)
		if action := actionOf(was, now.State); action != "" {
			all = append(all, Change{action, now})
		}
	}
	for _, gone := range before {
		if gone.State != diagnosis.Closed && find(after, gone) == "" {
			gone.State, gone.Closed = diagnosis.Closed, new(at.UTC())
			all = append(all, Change{Closed, gone})
		}
	}
	return all
}

// find returns the state that an incident has in a list; "" if it is not there.
func find(list []diagnosis.Incident, of diagnosis.Incident) diagnosis.State {
	i := slices.IndexFunc(list, func(i diagnosis.Incident) bool { return i.Verdict == of.Verdict && i.Opened.Equal(of.Opened) })
	if i < 0 {
		return ""
	}
	return list[i].State
}

func actionOf(was, now diagnosis.State) Action {
	switch {
	case was == now, was == "" && now == diagnosis.Closed: // the first judgment follows the whole history
		return ""
	case was == diagnosis.Paused && now == diagnosis.Confirmed:
		return Resumed
	}
	return map[diagnosis.State]Action{diagnosis.Suspected: Opened, diagnosis.Confirmed: Confirmed, diagnosis.Paused: Paused, diagnosis.Closed: Closed}[now]
}
