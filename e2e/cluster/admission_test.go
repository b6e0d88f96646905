package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/jvmem/jvmem/e2e/cluster/node"
	"github.com/jvmem/jvmem/e2e/sidecar"
)

// Each level of Pod Security admits a pod with the sidecar that it admits without.
func (s *suite) testPodSecurity(t *testing.T) {
	for _, level := range []string{"restricted", "baseline", "privileged"} {
		namespace := s.namespace(t, level, "enforce="+level)
		pod := template(injected("app"))
		if level == "restricted" {
			restrict(&pod)
		}
		s.createPod(t, namespace, "app", pod)
		s.awaitContainer(t, s.awaitReady(t, namespace, "app"), level+": all rows known", complete)
		if level == "restricted" {
			s.expectWarning(t, namespace, pod)
		}
	}
}

// restrict sets what the level restricted demands, but for the user.
func restrict(pod *core.PodTemplateSpec) {
	pod.Spec.SecurityContext.RunAsNonRoot = new(true)
	pod.Spec.SecurityContext.SeccompProfile = &core.SeccompProfile{Type: core.SeccompProfileTypeRuntimeDefault}
	pod.Spec.Containers[0].SecurityContext = &core.SecurityContext{
		AllowPrivilegeEscalation: new(false), Capabilities: &core.Capabilities{Drop: []core.Capability{"ALL"}},
	}
}

// Where no sidecar may be root, who leaves the user to the image is warned.
func (s *suite) expectWarning(t *testing.T, namespace string, template core.PodTemplateSpec) {
	t.Helper()
	template.Spec.SecurityContext.RunAsUser, template.Spec.SecurityContext.RunAsGroup = nil, nil
	pod, err := json.Marshal(&core.Pod{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: meta.ObjectMeta{Name: "warned", Labels: template.Labels}, Spec: template.Spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	out := s.run(t, "kubectl", "--namespace", namespace, "create", "--dry-run=server", "--filename", write(t, "pod.json", string(pod)))
	if !strings.Contains(out, "Warning: ") || !strings.Contains(out, "set its runAsUser and runAsGroup") {
		t.Errorf("no warning: %s", out)
	}
}

// Where only the image sets the user, or the pod sets root, the sidecar takes it from the JVM.
func (s *suite) testUserOfJVM(t *testing.T) {
	namespace := s.namespace(t, "jvm-user")
	pods := map[string]core.PodTemplateSpec{}
	for name, image := range map[string]string{"root": node.App, "user": node.AppUser, "set": node.AppUser} {
		pod := template(injected(name))
		pod.Spec.SecurityContext, pod.Spec.Containers[0].Image = nil, image
		pods[name] = pod
	}
	pods["set"].Spec.Containers[0].SecurityContext = &core.SecurityContext{RunAsUser: new(int64(0))}
	for name, pod := range pods {
		s.createPod(t, namespace, name, pod)
	}
	for name := range pods {
		s.awaitContainer(t, s.awaitReady(t, namespace, name), "all rows known", complete)
	}
}

// In a namespace with a quota on limits.cpu, which demands one of each container, the sidecar has
// one.
func (s *suite) testQuota(t *testing.T) {
	namespace := s.namespace(t, "quota")
	_, err := s.client.CoreV1().ResourceQuotas(namespace).Create(t.Context(), &core.ResourceQuota{
		ObjectMeta: meta.ObjectMeta{Name: "quota"},
		Spec: core.ResourceQuotaSpec{Hard: core.ResourceList{
			core.ResourceLimitsCPU: resource.MustParse("2"), core.ResourceLimitsMemory: resource.MustParse("2Gi"),
			core.ResourceRequestsCPU: resource.MustParse("1"), core.ResourceRequestsMemory: resource.MustParse("1Gi"),
		}},
	}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := template(injected("app"))
	pod.Spec.Containers[0].Resources.Limits[core.ResourceCPU] = resource.MustParse("1")
	s.createDeployment(t, namespace, "app", 1, pod)
	s.awaitContainer(t, s.awaitPodOf(t, namespace, "app=app"), "all rows known", complete)
}

// In a namespace with a LimitRange, which rejects containers with less than its minimum, the sidecar
// has it.
func (s *suite) testLimitRange(t *testing.T) {
	namespace := s.namespace(t, "minimum")
	least := core.ResourceList{core.ResourceCPU: resource.MustParse("20m"), core.ResourceMemory: resource.MustParse("80Mi")}
	_, err := s.client.CoreV1().LimitRanges(namespace).Create(t.Context(), &core.LimitRange{
		ObjectMeta: meta.ObjectMeta{Name: "minimum"},
		Spec:       core.LimitRangeSpec{Limits: []core.LimitRangeItem{{Type: core.LimitTypeContainer, Min: least}}},
	}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := template(injected("app"))
	pod.Spec.Containers[0].Resources.Requests = least
	s.createDeployment(t, namespace, "app", 1, pod)
	s.awaitContainer(t, s.awaitPodOf(t, namespace, "app=app"), "all rows known", complete)
}

// A pod whose requests are its limits is still in the class Guaranteed.
func (s *suite) testGuaranteed(t *testing.T) {
	namespace := s.namespace(t, "guaranteed")
	pod := template(injected("app"))
	limits := pod.Spec.Containers[0].Resources.Limits
	limits[core.ResourceCPU] = resource.MustParse("200m")
	pod.Spec.Containers[0].Resources.Requests = limits
	s.createPod(t, namespace, "app", pod)
	ready := s.awaitReady(t, namespace, "app")
	if ready.Status.QOSClass != core.PodQOSGuaranteed {
		t.Errorf("class %s", ready.Status.QOSClass)
	}
	s.awaitContainer(t, ready, "all rows known", complete)
}

// An image that cannot be pulled: the application of a native sidecar does not start, that of
// an ordinary container does.
func (s *suite) testImageMissing(t *testing.T) {
	for _, native := range []bool{true, false} {
		namespace := s.namespace(t, fmt.Sprintf("missing-%t", native))
		pod := template(unlabelled)
		s.installFor(t, namespace, pod, "image.repository=registry.test/missing", fmt.Sprintf("injection.native=%t", native))
		s.createPod(t, namespace, "app", pod)
	}
	s.awaitPod(t, "missing-true", "app", "the image cannot be pulled", func(pod *core.Pod) bool {
		for _, status := range pod.Status.InitContainerStatuses {
			if w := status.State.Waiting; w != nil && (w.Reason == "ErrImagePull" || w.Reason == "ImagePullBackOff") {
				return true
			}
		}
		return false
	})
	pod := s.awaitPod(t, "missing-false", "app", "the application is ready", func(pod *core.Pod) bool {
		for _, status := range pod.Status.ContainerStatuses {
			if status.Name == "app" && status.Ready {
				return true
			}
		}
		return false
	})
	if isReady(pod) {
		t.Error("the pod is ready without its sidecar")
	}
	if pod, err := s.pod(t, "missing-true", "app"); err != nil || pod.Status.ContainerStatuses[0].State.Running != nil {
		t.Errorf("%v: the application of the native sidecar runs", err)
	}
}

// createBarePods creates pods without a sidecar, whose images set different users.
func (s *suite) createBarePods(t *testing.T, namespace string) []string {
	t.Helper()
	images := map[string]string{"root": node.App, "user": node.AppUser}
	for name, image := range images {
		pod := template(map[string]string{"app": name})
		pod.Spec.SecurityContext, pod.Spec.Containers[0].Image = nil, image
		s.createPod(t, namespace, name, pod)
	}
	return slices.Sorted(maps.Keys(images))
}

// `kubectl debug` looks at a pod that has no sidecar, of root and of another user.
func (s *suite) testDebug(t *testing.T) {
	namespace := s.namespace(t, "debug")
	custom := write(t, "custom.json", `{"securityContext":{"runAsUser":0,"runAsGroup":0}}`)
	for _, name := range s.createBarePods(t, namespace) {
		s.awaitReady(t, namespace, name)
		s.run(t, "kubectl", "--namespace", namespace, "debug", name, "--image", node.JvmemRepository+":"+node.Version, "--target", "app",
			"--container", "jvmem", "--env", "JVMEM_CONTAINER_NAME=app", "--profile", "general", "--custom", custom, "--", "/jvmem", "breakdown", "--format", "json")
		pod := s.awaitPod(t, namespace, name, "the ephemeral container ended", func(pod *core.Pod) bool {
			return len(pod.Status.EphemeralContainerStatuses) > 0 && pod.Status.EphemeralContainerStatuses[0].State.Terminated != nil
		})
		log := s.run(t, "kubectl", "--namespace", namespace, "logs", name, "--container", "jvmem")
		if err := completeText(log); err != nil {
			t.Errorf("%s, exit code %d: %v\n%s", name, pod.Status.EphemeralContainerStatuses[0].State.Terminated.ExitCode, err, log)
		}
	}
}

// completeText is complete for the JSON of `jvmem breakdown`, which may follow lines of stderr.
func completeText(text string) error {
	_, document, found := strings.Cut(text, "{")
	if !found {
		return fmt.Errorf("no breakdown")
	}
	b, err := sidecar.ParseBreakdown([]byte("{" + document))
	if err != nil {
		return err
	}
	if len(b.Containers) != 1 {
		return fmt.Errorf("%d containers", len(b.Containers))
	}
	return complete(&b.Containers[0])
}
