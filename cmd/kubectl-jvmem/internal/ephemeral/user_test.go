package ephemeral

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func readPod(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestUserOf(t *testing.T) {
	for name, tt := range map[string]struct {
		pod  string
		want User
	}{
		"the image's":                         {"spec: {containers: [{name: app}]}", User{}},
		"the pod's":                           {"spec: {securityContext: {runAsUser: 1000, runAsGroup: 2000}, containers: [{name: app}]}", User{1000, 2000, true}},
		"the container's":                     {"spec: {securityContext: {runAsUser: 1, runAsGroup: 2000}, containers: [{name: other, securityContext: {runAsUser: 7}}, {name: app, securityContext: {runAsUser: 1000}}]}", User{1000, 2000, true}},
		"the group is the image":              {"spec: {securityContext: {runAsUser: 1000}, containers: [{name: app}]}", User{}},
		"root, which may become another user": {"spec: {securityContext: {runAsUser: 0, runAsGroup: 0}, containers: [{name: app}]}", User{}},
		"the status knows the image's":        {"spec: {containers: [{name: app}]}\nstatus: {containerStatuses: [{name: app, user: {linux: {uid: 1000, gid: 0}}}]}", User{1000, 0, true}},
		"the status says root":                {"spec: {securityContext: {runAsUser: 5, runAsGroup: 5}, containers: [{name: app}]}\nstatus: {containerStatuses: [{name: app, user: {linux: {uid: 0, gid: 0}}}]}", User{}},
		"the status of another container":     {"spec: {containers: [{name: app}]}\nstatus: {containerStatuses: [{name: other, user: {linux: {uid: 1000, gid: 0}}}]}", User{}},
	} {
		if got := userOf(readPod(t, tt.pod), "app"); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestParseUser(t *testing.T) {
	if u, err := ParseUser("1000:0"); err != nil || u != (User{1000, 0, true}) {
		t.Errorf("%+v, %v", u, err)
	}
	for _, text := range []string{"1000", "app:app", ":", "1:-1", "4294967296:0"} {
		if _, err := ParseUser(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestState: what kubelet reports is waited for, or is the reason.
func TestState(t *testing.T) {
	for name, tt := range map[string]struct{ status, waits, fails string }{
		"no status":       {"", "before", ""},
		"pulled":          {"state: {waiting: {reason: ContainerCreating}}", "ContainerCreating", ""},
		"one failed pull": {"state: {waiting: {reason: ErrImagePull, message: not found}}", "ErrImagePull: not found", ""},
		"several":         {"state: {waiting: {reason: ImagePullBackOff, message: Back-off}}", "", "cannot be pulled: ImagePullBackOff: Back-off\n  fix: set --image"},
		"a user":          {"state: {waiting: {reason: CreateContainerConfigError, message: 'runAsNonRoot'}}", "", "cannot start: CreateContainerConfigError: runAsNonRoot"},
		"ended":           {"state: {terminated: {exitCode: 1, reason: Error, message: 'jvmem serve: listen for HTTP: address in use'}}", "", "exit code 1: jvmem serve: listen for HTTP"},
		"older":           {"image: i:0\nstate: {terminated: {exitCode: 1, message: 'jvmem serve: unknown flag: --for'}}", "", "image i:0 has an older version of jvmem"},
		"no text":         {"state: {terminated: {exitCode: 137, reason: OOMKilled}}", "", "exit code 137: OOMKilled"},
	} {
		var s *corev1.ContainerStatus
		if tt.status != "" {
			s = new(corev1.ContainerStatus)
			if err := yaml.UnmarshalStrict([]byte(tt.status), s); err != nil {
				t.Fatal(err)
			}
		}
		waits, err := state(s, "before")
		if tt.fails == "" && (err != nil || waits != tt.waits) || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
			t.Errorf("%s: %q, %v", name, waits, err)
		}
	}
}
