package cri

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/jvmem/jvmem/e2e/daemon"
	"github.com/jvmem/jvmem/e2e/pod"
)

const namespace = "default"

// StartPod creates the cgroup of a pod and starts its pause container.
func (r *Runtime) StartPod(ctx context.Context, o pod.Options) (id string, err error) {
	uid := newUID()
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: "jvmem-" + uid[:8], Namespace: namespace, Uid: uid},
		LogDirectory: r.Path(path.Join("logs", uid)),
		DnsConfig:    &runtimeapi.DNSConfig{Servers: []string{"127.0.0.1"}}, // unused; without it containerd needs the host's resolv.conf
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: r.cgroup(uid),
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				RunAsUser:        &runtimeapi.Int64Value{Value: 65535},
				RunAsGroup:       &runtimeapi.Int64Value{Value: 65535},
				ReadonlyRootfs:   true,
				NamespaceOptions: namespaces(),
				Seccomp:          runtimeDefault(),
			},
		},
	}
	config.Labels = labels(config)
	if err := daemon.MakeCgroup(config.Linux.CgroupParent, o.LimitBytes); err != nil {
		return "", err
	}
	response, err := r.runtime.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		return "", errors.Join(err, daemon.RemoveCgroup(config.Linux.CgroupParent))
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.pods[response.PodSandboxId] = config
	return response.PodSandboxId, nil
}

// StopPod removes a pod with its containers.
func (r *Runtime) StopPod(ctx context.Context, id string) error {
	config, err := r.pod(id)
	if err != nil {
		return err
	}
	// Stops its containers, too.
	if _, err := r.runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return err
	}
	if _, err := r.runtime.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
		return err
	}
	r.lock.Lock()
	delete(r.pods, id)
	r.lock.Unlock()
	return daemon.RemoveCgroup(config.Linux.CgroupParent)
}

func (r *Runtime) pod(id string) (*runtimeapi.PodSandboxConfig, error) {
	if config := r.all()[id]; config != nil {
		return config, nil
	}
	return nil, fmt.Errorf("no pod has the ID %q", id)
}

func (r *Runtime) all() map[string]*runtimeapi.PodSandboxConfig {
	r.lock.Lock()
	defer r.lock.Unlock()
	return maps.Clone(r.pods)
}

// cgroup returns the name of a pod's cgroup as kubelet with this driver sets it.
func (r *Runtime) cgroup(uid string) string {
	names := []string{r.Name(), "kubepods", "burstable", "pod" + uid}
	if r.driver == Systemd {
		return daemon.Slice(names...)
	}
	return "/" + path.Join(names...)
}

// namespaces are those of a pod with hostNetwork and shareProcessNamespace.
func namespaces() *runtimeapi.NamespaceOption {
	return &runtimeapi.NamespaceOption{
		Network: runtimeapi.NamespaceMode_NODE,
		Pid:     runtimeapi.NamespaceMode_POD,
		Ipc:     runtimeapi.NamespaceMode_POD,
	}
}

func runtimeDefault() *runtimeapi.SecurityProfile {
	return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
}

func labels(config *runtimeapi.PodSandboxConfig) map[string]string {
	return map[string]string{
		"io.kubernetes.pod.name":      config.Metadata.Name,
		"io.kubernetes.pod.namespace": config.Metadata.Namespace,
		"io.kubernetes.pod.uid":       config.Metadata.Uid,
	}
}

// newUID returns a UUID, like the UIDs of pods.
func newUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
