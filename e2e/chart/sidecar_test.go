package chart

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// checkSidecar checks the requirements of every way of injection. jvm is the name of the
// JVM's container.
func checkSidecar(t *testing.T, pod *core.Pod, jvm string) {
	t.Helper()
	native := true
	i := slices.IndexFunc(pod.Spec.InitContainers, isSidecar)
	containers := pod.Spec.InitContainers
	if i < 0 {
		native, containers = false, pod.Spec.Containers
		i = slices.IndexFunc(containers, isSidecar)
	}
	if i < 0 {
		t.Fatal("no sidecar")
	}
	c := containers[i]
	if native && (c.RestartPolicy == nil || *c.RestartPolicy != core.ContainerRestartPolicyAlways) {
		t.Error("the init container does not have restartPolicy Always")
	}
	if pod.Spec.ShareProcessNamespace == nil || !*pod.Spec.ShareProcessNamespace {
		t.Error("shareProcessNamespace is not set")
	}
	if pod.Labels["jvmem.io/sidecar"] != "true" {
		t.Error("the pod lacks the label that PodMonitor and NetworkPolicy select")
	}

	memory, hasMemory := c.Resources.Limits[core.ResourceMemory]
	if pod.Spec.Resources != nil && !hasMemory {
		memory, hasMemory = pod.Spec.Resources.Limits[core.ResourceMemory]
	}
	if !hasMemory || memory.Cmp(resource.MustParse("32Mi")) < 0 {
		t.Errorf("memory limit %s", memory.String())
	}
	if _, ok := c.Resources.Limits[core.ResourceCPU]; ok != (guaranteed(pod) || pod.Namespace == quotaNamespace) {
		t.Errorf("a CPU limit prolongs a sample, but may be required; limits %v", c.Resources.Limits)
	}
	security := c.SecurityContext
	if !*security.ReadOnlyRootFilesystem {
		t.Error("the root file system is not read-only")
	}
	user, group := identity(pod, jvm)
	gotUser, gotGroup := identity(pod, c.Name)
	takesUser := (user == nil || *user == 0) && pod.Namespace != restrictedNamespace
	level := api.LevelRestricted
	if takesUser {
		user, level = new(int64(0)), api.LevelBaseline
	}
	if !equal(user, gotUser) || !equal(group, gotGroup) {
		t.Errorf("the sidecar is %s:%s, the JVM %s:%s", text(gotUser), text(gotGroup), text(user), text(group))
	}
	// Only the sidecar has to comply, without settings of the pod.
	alone := core.PodSpec{Containers: []core.Container{c}}
	for _, violation := range violations(t, level, pod.ObjectMeta, alone) {
		t.Errorf("not %s: %s", level, violation)
	}
	if nonRoot := *security.RunAsNonRoot; nonRoot == takesUser {
		t.Errorf("runAsNonRoot %v", nonRoot)
	}

	if len(c.Ports) != 1 || c.Ports[0].Name != "jvmem" || c.Ports[0].ContainerPort != 9753 {
		t.Errorf("ports %v", c.Ports)
	}
	if get := c.LivenessProbe.HTTPGet; get.Path != "/healthz" || get.Port.String() != "jvmem" {
		t.Errorf("liveness probe %v", get)
	}
	if probe := c.ReadinessProbe; probe != nil && probe.HTTPGet.Path != "/readyz" {
		t.Errorf("readiness probe %v", probe)
	}
	fields := map[string]string{}
	for _, e := range c.Env {
		if e.ValueFrom != nil {
			fields[e.Name] = e.ValueFrom.FieldRef.FieldPath
		} else {
			fields[e.Name] = e.Value
		}
	}
	for name, want := range map[string]string{
		"JVMEM_POD_NAME": "metadata.name", "JVMEM_POD_NAMESPACE": "metadata.namespace", "JVMEM_POD_UID": "metadata.uid",
		"JVMEM_NODE_NAME": "spec.nodeName", "JVMEM_CONTAINER_NAME": jvm,
	} {
		if fields[name] != want {
			t.Errorf("%s is %q, want %q", name, fields[name], want)
		}
		delete(fields, name)
	}
	if got := fields["JVMEM_USER"]; (got == "jvm") != takesUser {
		t.Errorf("JVMEM_USER %q", got)
	}
	delete(fields, "JVMEM_USER")
	if len(fields) > 0 {
		t.Errorf("more environment: %v", fields)
	}
	for _, arg := range c.Args[1:] {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !slices.Contains(serveFlags(t), name) {
			t.Errorf("jvmem serve has no flag --%s", name)
		}
	}

	var mounted string
	for _, m := range c.VolumeMounts {
		if slices.Contains(c.Args, "--state-dir="+m.MountPath) {
			mounted = m.Name
		}
	}
	v := slices.IndexFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == mounted })
	if v < 0 || pod.Spec.Volumes[v].EmptyDir == nil || pod.Spec.Volumes[v].EmptyDir.SizeLimit == nil {
		t.Errorf("--state-dir is not an emptyDir with a size limit")
	}
}

// guaranteed reports whether kubelet gives a pod the QoS class Guaranteed.
func guaranteed(pod *core.Pod) bool {
	for _, c := range append(slices.Clone(pod.Spec.InitContainers), pod.Spec.Containers...) {
		for _, name := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
			limit, limited := c.Resources.Limits[name]
			request, requested := c.Resources.Requests[name]
			if !limited || requested && request.Cmp(limit) != 0 {
				return false
			}
		}
	}
	return true
}

func isSidecar(c core.Container) bool { return c.Name == "jvmem" }

// identity returns the UID and GID with which kubelet runs a container; nil is that of the
// image.
func identity(pod *core.Pod, name string) (user, group *int64) {
	if s := pod.Spec.SecurityContext; s != nil {
		user, group = s.RunAsUser, s.RunAsGroup
	}
	for _, c := range append(slices.Clone(pod.Spec.InitContainers), pod.Spec.Containers...) {
		if s := c.SecurityContext; c.Name == name && s != nil {
			if s.RunAsUser != nil {
				user = s.RunAsUser
			}
			if s.RunAsGroup != nil {
				group = s.RunAsGroup
			}
		}
	}
	return user, group
}

func equal(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

func text(id *int64) string {
	if id == nil {
		return "image's"
	}
	return resource.NewQuantity(*id, resource.DecimalSI).String()
}

// violations returns why a level of the Pod Security Standards does not admit a pod.
func violations(t *testing.T, level api.Level, meta metav1.ObjectMeta, spec core.PodSpec) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &meta, &spec) {
		if !result.Allowed {
			all = append(all, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return all
}

// The flags in the help of the binary.
func serveFlags(t *testing.T) []string {
	t.Helper()
	flags, err := readFlags()
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

var readFlags = sync.OnceValues(func() ([]string, error) {
	help := exec.Command("go", "run", "./cmd/jvmem", "serve", "--help")
	help.Dir = "../.."
	out, err := help.CombinedOutput()
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^ +--([a-z.-]+)`).FindAllSubmatch(out, -1) {
		flags = append(flags, string(m[1]))
	}
	return flags, err
})
