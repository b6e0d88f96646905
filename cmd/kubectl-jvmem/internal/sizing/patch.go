package sizing

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// writePatch writes a strategic merge patch for what owns the pods.
func (w *workload) writePatch(out io.Writer) error {
	if w.Recommended == nil {
		return errors.New(w.conclusion())
	}
	i := slices.IndexFunc(w.pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == w.Container })
	if i < 0 {
		return fmt.Errorf("pod %s has no container %q in its spec: set the limit where it is defined\n%s", w.pod.Name, w.name(), w.conclusion())
	}
	container := &w.pod.Spec.Containers[i]
	limit := resource.NewQuantity(w.Recommended.LimitBytes, resource.BinarySI)
	resources := map[string]any{"limits": map[string]any{"memory": limit}}
	request, requested := container.Resources.Requests[corev1.ResourceMemory]
	if old := container.Resources.Limits[corev1.ResourceMemory]; requested && (request.Cmp(old) == 0 || request.Cmp(*limit) > 0) {
		resources["requests"] = map[string]any{"memory": limit} // else it is no longer Guaranteed, or above the limit
	}
	patched := map[string]any{"name": container.Name, "resources": resources}
	var note string
	if len(w.Recommended.JVMs) > 0 { // each would read the same variable
		note = "Set the options of each JVM where it is started:" + w.options("\n#   ")
	} else {
		variable, value := environment(container, w.Recommended.Options)
		patched["env"] = []any{map[string]any{"name": variable, "value": value}}
		note = "A flag on the command line of java takes precedence over " + variable + "."
	}
	text, err := yaml.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{patched}}}}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "# kubectl patch %s --patch-file FILE\n# Based on %s (confidence: %s). %s\n%s",
		owner(w.pod), fleet.Pods(len(w.Replicas)), fleet.Printable(w.Confidence, 10), note, text)
	return err
}

// owner is what the patch is for, as kubectl names it.
func owner(pod *corev1.Pod) string {
	if len(pod.OwnerReferences) > 0 {
		o := pod.OwnerReferences[0]
		if o.Kind == "ReplicaSet" {
			return "deployment " + strings.TrimSuffix(o.Name, "-"+pod.Labels["pod-template-hash"])
		}
		return strings.ToLower(o.Kind) + " " + o.Name
	}
	return "deployment NAME"
}

// defaultVariable is read by each JVM.
const defaultVariable = "JAVA_TOOL_OPTIONS"

// environment returns the variable of a container that has flags of the JVM, with the options
// in place of what it has for the same.
func environment(c *corev1.Container, options []string) (name, value string) {
	name = defaultVariable
	for _, e := range c.Env {
		if e.ValueFrom == nil && slices.Contains([]string{defaultVariable, "JDK_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_OPTIONS"}, e.Name) && (value == "" || setsHeap(e.Value)) {
			name, value = e.Name, e.Value
		}
	}
	kept := slices.DeleteFunc(strings.Fields(value), func(flag string) bool {
		return setsHeap(flag) || slices.ContainsFunc(options, func(o string) bool { return sameFlag(flag, o) })
	})
	return name, strings.Join(append(kept, options...), " ")
}

// setsHeap reports whether flags set the size of the heap.
func setsHeap(flags string) bool {
	return slices.ContainsFunc([]string{"-Xmx", "-XX:MaxHeapSize=", "-XX:MaxRAMPercentage=", "-XX:InitialRAMPercentage=", "-XX:MaxRAMFraction="},
		func(flag string) bool { return strings.Contains(flags, flag) })
}

func selectsCollector(flag string) bool {
	return strings.HasPrefix(flag, "-XX:+Use") && strings.HasSuffix(flag, "GC")
}

// sameFlag reports whether two flags set the same.
func sameFlag(a, b string) bool {
	if selectsCollector(a) && selectsCollector(b) {
		return true
	}
	name := func(flag string) string {
		if len(flag) > 4 && (strings.HasPrefix(flag, "-Xmx") || strings.HasPrefix(flag, "-Xms")) {
			return flag[:4]
		}
		before, _, _ := strings.Cut(flag, "=")
		return before
	}
	return name(a) == name(b)
}
