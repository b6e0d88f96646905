package rows

import (
	"cmp"

	"github.com/jvmem/jvmem/jvm"
)

// Identity identifies a container.
type Identity struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	// Cgroup is the path of the memory controller's cgroup.
	Cgroup string `json:"cgroup,omitempty"`
	// CgroupVersion is 0 if the cgroup is not known.
	CgroupVersion int `json:"cgroup_version,omitempty"`
}

// Key identifies a container while it runs. The name is not part of it: it is configured,
// and can change. The ID alone does not suffice: a container can have cgroups of its
// own, each with a JVM.
type Key struct {
	ID            string
	Cgroup        string
	CgroupVersion int
}

// Key returns the key of the container.
func (c Identity) Key() Key { return Key{c.ID, c.Cgroup, c.CgroupVersion} }

// Same reports whether both are the same container.
func (c Identity) Same(other Identity) bool { return c.Key() == other.Key() }

// Succeeds reports whether c is an earlier container after a restart: the same one, or
// one of the same name.
func (c Identity) Succeeds(earlier Identity) bool {
	return c.Same(earlier) || c.Name != "" && c.Name == earlier.Name
}

const (
	// shortIDLength is the length of an ID as container tools print it.
	shortIDLength = 12
	maxLabelBytes = 300
)

// ShortID is the ID as container tools print it.
func (c Identity) ShortID() string { return c.ID[:min(len(c.ID), shortIDLength)] }

// Label names the container for people: by its name, ID or cgroup; "" if none is known.
func (c Identity) Label() string {
	return cmp.Or(c.Name, c.ShortID(), jvm.Printable(c.Cgroup, maxLabelBytes))
}
