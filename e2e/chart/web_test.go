package chart

import (
	"slices"
	"testing"

	core "k8s.io/api/core/v1"
)

// TestWeb checks that an included sidecar has the web configuration from a Secret, readable for
// any user, and that the probes use TLS. ../cluster has an injected one.
func TestWeb(t *testing.T) {
	values := readValues(t, "testdata/render/web.values.yaml")
	delete(values, "injection")
	pod := find[*core.Pod](t, mustRender(t, load(t, chartDir), "jvmem", values, kube("1.36.0")))
	checkSidecar(t, pod, "test")
	c := pod.Spec.InitContainers[slices.IndexFunc(pod.Spec.InitContainers, isSidecar)]
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet.Scheme != core.URISchemeHTTPS {
			t.Errorf("probe %v", probe)
		}
	}
	m := slices.IndexFunc(c.VolumeMounts, func(m core.VolumeMount) bool {
		return slices.Contains(c.Args, "--web.config.file="+m.MountPath+"/web.yml")
	})
	if m < 0 || !c.VolumeMounts[m].ReadOnly {
		t.Fatalf("arguments %q, mounts %v", c.Args, c.VolumeMounts)
	}
	v := slices.IndexFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == c.VolumeMounts[m].Name })
	if v < 0 || pod.Spec.Volumes[v].Secret == nil || pod.Spec.Volumes[v].Secret.SecretName != "jvmem-web" || *pod.Spec.Volumes[v].Secret.DefaultMode != 0o444 {
		t.Errorf("volumes %v", pod.Spec.Volumes)
	}
}
