package ephemeral

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/sidecar"
)

const (
	// basePort is that of the first ephemeral container; the sidecar may have the one before.
	basePort = sidecar.DefaultPort + 1
	// heapLimit is what jvmem sets for itself beside a limit of 64 MiB.
	heapLimit = "44MiB"
	// A verdict needs 60 points, half of them samples of all rows: twice that is taken.
	points                   = 120
	minInterval, maxInterval = time.Second, 10 * time.Second
)

// Options are what the user selects.
type Options struct {
	Image     string
	Container string        // the target
	For       time.Duration // how long it observes
	User      *User         // nil: found by itself
}

// build returns the container to add to the pod.
func build(pod *corev1.Pod, o Options, user User) corev1.EphemeralContainer {
	number := 1
	for i := range pod.Spec.EphemeralContainers {
		if sidecar.IsEphemeral(pod.Spec.EphemeralContainers[i].Name) {
			number++ // they stay, but for their processes
		}
	}
	port := basePort + number - 1
	interval := min(max(o.For/points, minInterval), maxInterval).Truncate(time.Second)
	command := []string{
		"/jvmem", "serve", "--for=" + o.For.String(), "--interval=" + interval.String(),
		"--listen=127.0.0.1:" + strconv.Itoa(port), "--log-interval=0", "--pod-name=" + pod.Name, "--pod-namespace=" + pod.Namespace,
	}
	if !user.Known {
		command = append(command, "--user=jvm")
	}
	return corev1.EphemeralContainer{
		TargetContainerName: o.Container,
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name:                     fmt.Sprintf("%s-%d", sidecar.Name, number),
			Image:                    o.Image,
			ImagePullPolicy:          corev1.PullIfNotPresent,
			Command:                  command,
			Env:                      []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: heapLimit}},
			SecurityContext:          user.securityContext(),
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError, // why it failed is in the status
		},
	}
}

// debugCommand returns the command line of kubectl debug that adds the same container.
func debugCommand(pod *corev1.Pod, c *corev1.EphemeralContainer, user User, selection []string) (string, error) {
	// What --profile sets is repeated: the profile alone may change with kubectl's version.
	custom, err := json.Marshal(struct {
		Env             []corev1.EnvVar         `json:"env"`
		SecurityContext *corev1.SecurityContext `json:"securityContext"`
	}{c.Env, c.SecurityContext})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("kubectl debug pod/%s %s --attach=false \\\n  --container=%s --target=%s --image=%s --profile=%s \\\n  --custom=<(echo '%s') \\\n  -- %s",
		pod.Name, strings.Join(selection, " "), c.Name, c.TargetContainerName, c.Image, user.profile(), custom, strings.Join(c.Command, " ")), nil
}
