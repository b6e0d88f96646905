package ephemeral

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

// User is whom jvmem runs as. The zero value is unknown: root, and then the JVM's user.
type User struct {
	UID, GID int64
	Known    bool
}

// ParseUser reads UID:GID.
func ParseUser(text string) (User, error) {
	left, right, ok := strings.Cut(text, ":")
	uid, err1 := strconv.ParseUint(left, 10, 32)
	gid, err2 := strconv.ParseUint(right, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return User{}, fmt.Errorf("--run-as %q: must be UID:GID, for example 1000:1000", text)
	}
	return User{int64(uid), int64(gid), true}, nil
}

// userOf returns the user of a container's processes. It is unknown if the container
// starts as root, whose start script may become another user, and if one of UID and GID is
// that of the image.
func userOf(pod *corev1.Pod, container string) User {
	// Since Kubernetes 1.31, if the container runtime reports it.
	if s := sidecar.Status(container, pod.Status.ContainerStatuses); s != nil && s.User != nil && s.User.Linux != nil {
		return known(&s.User.Linux.UID, &s.User.Linux.GID)
	}
	var uid, gid *int64
	if p := pod.Spec.SecurityContext; p != nil {
		uid, gid = p.RunAsUser, p.RunAsGroup
	}
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == container && c.SecurityContext != nil {
			uid, gid = first(c.SecurityContext.RunAsUser, uid), first(c.SecurityContext.RunAsGroup, gid)
		}
	}
	return known(uid, gid)
}

func known(uid, gid *int64) User {
	if uid == nil || gid == nil || *uid == 0 {
		return User{}
	}
	return User{*uid, *gid, true}
}

func first(a, b *int64) *int64 {
	if a != nil {
		return a
	}
	return b
}

func (u User) String() string {
	if u.Known {
		return fmt.Sprintf("UID %d, GID %d", u.UID, u.GID)
	}
	return "root, until it takes over the user of the JVM"
}

// profile is the nearest of kubectl debug.
func (u User) profile() string {
	if u.Known && u.UID != 0 {
		return "restricted"
	}
	return "baseline"
}

func (u User) securityContext() *corev1.SecurityContext {
	s := &corev1.SecurityContext{
		RunAsUser:                new(u.UID),
		RunAsGroup:               new(u.GID),
		RunAsNonRoot:             new(u.UID != 0), // the pod may require it
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if u.UID != 0 {
		s.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	return s
}
