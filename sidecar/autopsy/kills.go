package autopsy

import (
	"slices"

	"github.com/jvmem/jvmem/sidecar/rows"
)

// Kills counts the OOM kills in a container with one cause, including those whose
// autopsy is no longer kept.
type Kills struct {
	// One of these names the container: its name, else its ID, else its cgroup.
	ContainerName string `json:"container_name,omitempty"`
	ContainerID   string `json:"container_id,omitempty"`
	Cgroup        string `json:"cgroup,omitempty"`

	Cause rows.Verdict `json:"cause"`
	Count int64        `json:"count"`
}

// one is the kill that an autopsy explains. After a restart a container has the same
// name, but another ID.
func (a *Autopsy) one() Kills {
	k := killsIn(a.Identity())
	k.Cause, k.Count = a.Cause, 1
	return k
}

// In returns how many OOM kills were seen in a container, also before a restart.
func (r *Report) In(c rows.Identity) (n int64) {
	for _, k := range r.Kills {
		if k.sameContainer(killsIn(c)) {
			n += k.Count
		}
	}
	return n
}

func killsIn(of rows.Identity) (k Kills) {
	switch {
	case of.Name != "":
		k.ContainerName = of.Name
	case of.ID != "":
		k.ContainerID = of.ID
	default:
		k.Cgroup = of.Cgroup
	}
	return k
}

func (k *Kills) sameContainer(of Kills) bool {
	return k.ContainerName == of.ContainerName && k.ContainerID == of.ContainerID && k.Cgroup == of.Cgroup
}

// count adds the latest autopsy to the kills, and removes containers of which no
// autopsy is kept: their names may never be used again.
func count(kills []Kills, all []Autopsy) []Kills {
	kills = slices.Clone(kills)
	if latest := &all[0]; latest.Kind == OOMKill || latest.Kind == OOMKillOther {
		one := latest.one()
		i := slices.IndexFunc(kills, func(k Kills) bool { return k.sameContainer(one) && k.Cause == one.Cause })
		if i < 0 {
			kills = append(kills, one)
		} else {
			kills[i].Count++
		}
	}
	return slices.DeleteFunc(kills, func(k Kills) bool {
		return !slices.ContainsFunc(all, func(a Autopsy) bool { return k.sameContainer(a.one()) })
	})
}
