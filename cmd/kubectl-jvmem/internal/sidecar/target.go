package sidecar

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container"

// Target returns the container to observe: name, else the only one, else the one that the
// pod declares as its default. It does not guess, as an ephemeral container stays.
func Target(pod *corev1.Pod, name string) (string, error) {
	var names []string
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name != Name {
			names = append(names, c.Name)
		}
	}
	declared := pod.Annotations[defaultContainerAnnotation]
	switch {
	case name != "" && !slices.Contains(names, name):
		return "", fmt.Errorf("pod %s has no container %q: it has %s", pod.Name, name, strings.Join(names, ", "))
	case name != "":
		return name, nil
	case len(names) == 1:
		return names[0], nil
	case slices.Contains(names, declared):
		return declared, nil
	}
	return "", fmt.Errorf("pod %s has several containers: select the one with the JVM by --container: %s", pod.Name, strings.Join(names, ", "))
}
