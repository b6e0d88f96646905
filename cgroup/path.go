package cgroup

import "strings"

// Path is a cgroup as in /proc/<pid>/cgroup: relative to our own cgroup namespace, so it
// can start with "/..". Paths read by the same process compare with ==; they are not valid
// in another process.
type Path struct {
	Version int    // hierarchy of the memory controller: 1 or 2
	Name    string // "/" or "/a/b"
}

// String returns the name with its version: "v2:/a/b".
func (p Path) String() string {
	if p.Version == 1 {
		return "v1:" + p.Name
	}
	return "v2:" + p.Name
}

// Within reports whether p is parent or below it.
func (p Path) Within(parent Path) bool {
	_, ok := below(p.Name, parent.Name)
	return ok && p.Version == parent.Version
}

// ContainerID returns the ID of the innermost container in the name, or "". An
// ID is 64 hexadecimal digits (containerd's CRI, CRI-O, Docker, Podman),
// whatever the cgroup driver puts around it:
//
//	/kubepods/burstable/pod<uid>/<id>           cgroupfs driver
//	/docker/<id>
//	…/docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope    systemd
//	…/kubepods-….slice:cri-containerd:<id>      cgroupfs driver given a systemd path
//
// Monitors (crio-conmon-<id>.scope) and healthcheck units (<id>.service) have the ID of a
// container that they are not part of.
func (p Path) ContainerID() string {
	parts := strings.Split(p.Name, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		name := strings.TrimSuffix(parts[i], ".scope")
		at := strings.LastIndexAny(name, "-:") + 1
		if isID(name[at:]) && !strings.HasSuffix(name[:at], "conmon-") {
			return name[at:]
		}
	}
	return ""
}

func isID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// below returns name relative to root ("" if equal). Names are not cleaned: a leading ".."
// leaves the namespace for a cgroup whose name is not visible, so "/../a" is not below "/",
// nor can it be found below "/../..".
func below(name, root string) (rel string, ok bool) {
	if name == root {
		return "", true
	}
	rel, ok = strings.CutPrefix(name, strings.TrimSuffix(root, "/")+"/")
	if !ok || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", false
	}
	return rel, true
}

// parent returns the cgroup above, which must be visible.
func (p Path) parent() Path {
	p.Name = p.Name[:max(strings.LastIndexByte(p.Name, '/'), 0)]
	if p.Name == "" {
		p.Name = "/"
	}
	return p
}
