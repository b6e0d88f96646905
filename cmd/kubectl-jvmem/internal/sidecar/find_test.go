package sidecar_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

func pod(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestFind(t *testing.T) {
	const native = "spec:\n  containers: [{name: app}]\n  initContainers: [{name: jvmem, image: i, restartPolicy: Always%s}]\n"
	const runs = "status: {initContainerStatuses: [{name: jvmem, state: {running: {}}}]}"
	for name, tt := range map[string]struct {
		pod     string
		port    int // 0: no sidecar
		waiting string
	}{
		"none":         {"spec: {containers: [{name: app}]}", 0, ""},
		"native":       {strings.Replace(native, "%s", "", 1) + runs, 9753, ""},
		"flag":         {strings.Replace(native, "%s", ", args: [serve, --listen=127.0.0.1:9800]", 1) + runs, 9800, ""},
		"two words":    {strings.Replace(native, "%s", ", args: [serve, --listen, ':9801'], env: [{name: JVMEM_LISTEN, value: ':1'}]", 1) + runs, 9801, ""},
		"environment":  {strings.Replace(native, "%s", ", env: [{name: JVMEM_LISTEN, value: ':9802'}]", 1) + runs, 9802, ""},
		"named port":   {strings.Replace(native, "%s", ", ports: [{name: jvmem, containerPort: 9803}]", 1) + runs, 9803, ""},
		"a bad flag":   {strings.Replace(native, "%s", ", args: [--listen=:http]", 1) + runs, 9753, ""},
		"not reported": {strings.Replace(native, "%s", "", 1), 9753, "it was not started yet"},
		"ordinary":     {"spec: {containers: [{name: app}, {name: jvmem}]}\nstatus: {containerStatuses: [{name: jvmem, state: {running: {}}}]}", 9753, ""},
		"not pulled": {"spec: {containers: [{name: jvmem}]}\nstatus: {containerStatuses: [{name: jvmem, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling'}}}]}",
			9753, "ImagePullBackOff: Back-off pulling"},
		"ended": {"spec: {containers: [{name: jvmem}]}\nstatus: {containerStatuses: [{name: jvmem, state: {terminated: {reason: Error, exitCode: 1}}}]}", 9753, "Error"},
	} {
		found := sidecar.Find(pod(t, tt.pod))
		switch {
		case found == nil && tt.port == 0:
		case found == nil || found.Port != tt.port || found.Waiting != tt.waiting || !found.Ends.IsZero():
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestFindEphemeral(t *testing.T) {
	now := time.Now()
	p := pod(t, `
spec:
  ephemeralContainers:
  - {name: debugger, command: [/jvmem, serve, --for=9h], targetContainerName: app}
  - {name: jvmem-1, command: [/jvmem, serve, --for=10m, '--listen=127.0.0.1:9754'], targetContainerName: app}
  - {name: jvmem-2, command: [/jvmem, serve, --for=20m, '--listen=127.0.0.1:9755'], targetContainerName: app}
  - {name: jvmem-3, command: [/jvmem, serve, --for=9h, '--listen=127.0.0.1:9756'], targetContainerName: other}
  - {name: jvmem-4, command: [/jvmem, serve, --for=9h, '--listen=127.0.0.1:9757'], targetContainerName: app}`)
	for name, started := range map[string]time.Duration{"debugger": 0, "jvmem-1": -time.Minute, "jvmem-2": -18 * time.Minute, "jvmem-3": 0} {
		p.Status.EphemeralContainerStatuses = append(p.Status.EphemeralContainerStatuses, corev1.ContainerStatus{
			Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(started))}}})
	}
	p.Status.EphemeralContainerStatuses = append(p.Status.EphemeralContainerStatuses, corev1.ContainerStatus{
		Name: "jvmem-4", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}})
	found := sidecar.FindEphemeral(p, "app", now)
	if found == nil || found.Container != "jvmem-1" || found.Port != 9754 || !found.Ends.Equal(now.Add(9*time.Minute)) {
		t.Errorf("found %+v", found)
	}
	if found := sidecar.FindEphemeral(p, "app", now.Add(10*time.Minute)); found != nil {
		t.Errorf("one that ends too early: %+v", found)
	}
}

func TestTarget(t *testing.T) {
	const several = "spec: {containers: [{name: proxy}, {name: app}, {name: jvmem}]}"
	for _, tt := range []struct{ pod, name, want string }{
		{"spec: {containers: [{name: app}, {name: jvmem}]}", "", "app"},
		{several, "app", "app"},
		{several, "jvmem", ""},
		{several, "", ""},
		{"metadata: {annotations: {kubectl.kubernetes.io/default-container: app}}\n" + several, "", "app"},
		{"metadata: {annotations: {kubectl.kubernetes.io/default-container: gone}}\n" + several, "", ""},
	} {
		got, err := sidecar.Target(pod(t, tt.pod), tt.name)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s, --container=%q: %q, %v", tt.pod, tt.name, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "proxy, app") {
			t.Errorf("the containers are not named: %v", err)
		}
	}
}
