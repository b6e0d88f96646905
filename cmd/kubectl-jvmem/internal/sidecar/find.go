package sidecar

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// Name is that of the sidecar's container. Ephemeral containers have it with a number.
	Name = "jvmem"
	// DefaultPort is that of jvmem serve.
	DefaultPort = 9753
)

// Sidecar is a container of a pod that runs jvmem serve.
type Sidecar struct {
	Container string
	Image     string
	Port      int
	// Waiting is why it does not run; "": it runs.
	Waiting string
	// Ends is when an ephemeral container ends by itself; zero for a sidecar.
	Ends time.Time
}

// Find returns the sidecar of the pod, or nil.
func Find(pod *corev1.Pod) *Sidecar {
	for _, from := range []struct {
		specs    []corev1.Container
		statuses []corev1.ContainerStatus
	}{
		{pod.Spec.InitContainers, pod.Status.InitContainerStatuses},
		{pod.Spec.Containers, pod.Status.ContainerStatuses},
	} {
		for i := range from.specs {
			c := &from.specs[i]
			if c.Name != Name {
				continue
			}
			return &Sidecar{Container: c.Name, Image: c.Image, Port: port(c), Waiting: waiting(c.Name, from.statuses)}
		}
	}
	return nil
}

// FindEphemeral returns the ephemeral container of this plugin that observes container and
// runs longest, at least until the given time, or nil.
func FindEphemeral(pod *corev1.Pod, container string, until time.Time) *Sidecar {
	var found *Sidecar
	for i := range pod.Spec.EphemeralContainers {
		c := &pod.Spec.EphemeralContainers[i]
		if !IsEphemeral(c.Name) || c.TargetContainerName != container {
			continue
		}
		status := Status(c.Name, pod.Status.EphemeralContainerStatuses)
		lasts, err := time.ParseDuration(flag((*corev1.Container)(&c.EphemeralContainerCommon), "for"))
		if err != nil || status == nil || status.State.Running == nil {
			continue
		}
		ends := status.State.Running.StartedAt.Add(lasts)
		if ends.Before(until) || found != nil && !ends.After(found.Ends) {
			continue
		}
		found = OfEphemeral(c)
		found.Ends = ends
	}
	return found
}

// OfEphemeral returns where an ephemeral container of this plugin listens.
func OfEphemeral(c *corev1.EphemeralContainer) *Sidecar {
	return &Sidecar{Container: c.Name, Image: c.Image, Port: port((*corev1.Container)(&c.EphemeralContainerCommon))}
}

// IsEphemeral reports whether an ephemeral container with this name was added by the plugin.
func IsEphemeral(name string) bool {
	number, ok := strings.CutPrefix(name, Name+"-")
	_, err := strconv.ParseUint(number, 10, 16)
	return ok && err == nil
}

// Status returns the status of a container, or nil.
func Status(name string, statuses []corev1.ContainerStatus) *corev1.ContainerStatus {
	for i := range statuses {
		if statuses[i].Name == name {
			return &statuses[i]
		}
	}
	return nil
}

func waiting(name string, statuses []corev1.ContainerStatus) string {
	s := Status(name, statuses)
	switch {
	case s == nil:
		return "it was not started yet"
	case s.State.Waiting != nil:
		return Reason(s.State.Waiting.Reason, s.State.Waiting.Message)
	case s.State.Terminated != nil:
		return Reason(cmp.Or(s.State.Terminated.Reason, "it ended"), s.State.Terminated.Message)
	case s.State.Running == nil:
		return "it was not started yet"
	}
	return ""
}

// Reason joins the reason and the message of a state.
func Reason(reason, message string) string {
	if message = strings.TrimSpace(message); message != "" && message != reason {
		return reason + ": " + message
	}
	return reason
}

// port returns where the container listens: by its flag, its environment, or its ports.
func port(c *corev1.Container) int {
	listen := flag(c, "listen")
	for _, e := range c.Env {
		if e.Name == "JVMEM_LISTEN" {
			listen = cmp.Or(listen, e.Value)
		}
	}
	if _, text, err := net.SplitHostPort(listen); err == nil {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil {
			return int(n)
		}
	}
	for _, p := range c.Ports {
		if p.Name == Name {
			return int(p.ContainerPort)
		}
	}
	return DefaultPort
}

// flag returns the value of a flag of the container's command line, or "".
func flag(c *corev1.Container, name string) string {
	line := append(append([]string(nil), c.Command...), c.Args...)
	for i, argument := range line {
		if argument == "--"+name && i+1 < len(line) {
			return line[i+1]
		}
		if value, ok := strings.CutPrefix(argument, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}
