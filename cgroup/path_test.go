package cgroup

import (
	"fmt"
	"strings"
	"testing"
)

func TestContainerID(t *testing.T) {
	for name, want := range map[string]string{
		"/":                "",
		"/docker/" + appID: appID,
		"/kubepods/burstable/podd8f3a1b2-4c5d-4e6f-8a7b-9c0d1e2f3a4b/" + appID:                                         appID,
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podd8f3.slice/cri-containerd-" + appID + ".scope": appID,
		"/kubepods.slice/kubepods-podd8f3.slice/crio-" + appID + ".scope":                                              appID,
		"/kubepods.slice/kubepods-podd8f3.slice/crio-" + appID + ".scope/container":                                    appID,
		"/system.slice/docker-" + appID + ".scope":                                                                     appID,
		"/system.slice/docker-" + appID + ".scope/init.scope":                                                          appID,
		"/system.slice/containerd.service/kubepods-besteffort-podd8f3.slice:cri-containerd:" + appID:                   appID,
		"/machine.slice/libpod-" + appID + ".scope/container":                                                          appID,
		// A container in a container (kind): the inner one.
		"/docker/" + freeID + "/kubelet/kubepods/burstable/podd8f3/" + appID: appID,
		"/../" + appID:               appID,
		"/../../pod/" + appID + "/a": appID,
		// Not the container's processes.
		"/kubepods.slice/crio-conmon-" + appID + ".scope":  "",
		"/machine.slice/libpod-conmon-" + appID + ".scope": "",
		"/system.slice/" + appID + ".service":              "",
		// Not an ID.
		"/user.slice/user-1000.slice/session-2.scope":       "",
		"/docker/" + appID[1:]:                              "",
		"/docker/" + appID + "0":                            "",
		"/docker/" + strings.ToUpper(appID):                 "",
		"/kubepods/podd8f3a1b2-4c5d-4e6f-8a7b-9c0d1e2f3a4b": "",
		"/process/c95d0bc2e523d51a5f0f7ba48b78441c/payload": "",
	} {
		if got := (Path{2, name}).ContainerID(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		name, parent string
		want         bool
	}{
		{"/a", "/a", true},
		{"/a/b", "/a", true},
		{"/a", "/", true},
		{"/", "/", true},
		{"/", "/a", false},
		{"/ab", "/a", false},
		{"/../c", "/../c", true},
		{"/../c/d", "/../c", true},
		{"/../c", "/..", true},
		{"/../c", "/", false},
		{"/../../c", "/..", false},
		{"/..", "/", false},
		{"/c", "/..", false}, // true, but our own name below /.. can't be seen
		{"/..a", "/", true},
	} {
		if got := (Path{2, tt.name}).Within(Path{2, tt.parent}); got != tt.want {
			t.Errorf("%s within %s: %v", tt.name, tt.parent, got)
		}
	}
	if (Path{1, "/a"}).Within(Path{2, "/a"}) {
		t.Error("within a cgroup of the other hierarchy")
	}
}

// An ID is found wherever a driver puts it, and is never made of other text.
func FuzzContainerID(f *testing.F) {
	f.Add("/system.slice/docker-"+appID+".scope", "init.scope")
	f.Add("/../"+appID, "")
	f.Add("/", "a")
	f.Fuzz(func(t *testing.T, name, child string) {
		p := Path{2, name}
		id := p.ContainerID()
		if id != "" && (!isID(id) || !strings.Contains(name, id)) {
			t.Errorf("%q: ID %q", name, id)
		}
		for _, format := range []string{"%s/%s", "%s/docker-%s.scope", "%s/cri-containerd-%s.scope/" + "payload", "%s/x.slice:cri-containerd:%s"} {
			if got := (Path{2, fmt.Sprintf(format, name, freeID)}).ContainerID(); got != freeID {
				t.Errorf("%q in %q: ID %q", freeID, format, got)
			}
		}
		if !p.Within(p) {
			t.Errorf("%q is not within itself", name)
		}
		sub := Path{2, strings.TrimSuffix(name, "/") + "/" + child}
		if rel, ok := below(sub.Name, name); ok && sub.Name != name && rel != child {
			t.Errorf("%q is at %q below %q", sub.Name, rel, name)
		} else if climbs := child == ".." || strings.HasPrefix(child, "../"); ok == climbs && sub.Name != name {
			t.Errorf("%q below %q: %v", sub.Name, name, ok)
		}
	})
}
