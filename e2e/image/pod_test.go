package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/docker"
	"github.com/jvmem/jvmem/e2e/pod"
	"github.com/jvmem/jvmem/e2e/sidecar"
)

const (
	base = "pause" // name of the image of pause containers in package docker
	mib  = 1 << 20
	user = "10001:10001" // of the JVM
)

const app = `class App {
	public static void main(String[] args) throws Exception { Thread.sleep(Long.MAX_VALUE); }
}
`

// testPod runs the image in a pod with a JVM as strict policies require: as the user of the
// JVM, without capabilities, with a read-only root file system.
func testPod(t *testing.T, d *docker.Daemon, image string) {
	ctx := t.Context()
	if out, err := d.Do(ctx, "run", "--rm", "--network=none", image, "version"); err != nil || !strings.HasPrefix(out, "jvmem ") {
		t.Errorf("as the default user of the image: %v: %s", err, out)
	}
	id, err := d.StartPod(ctx, pod.Options{})
	if err != nil {
		t.Fatal(err)
	}
	start := func(c pod.Container) string {
		t.Helper()
		c.User, c.Drop = user, []string{"ALL"}
		id, err := d.Start(ctx, id, c)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	jvm := start(pod.Container{
		Name: "app", Image: base, LimitBytes: 256 * mib, Mounts: jvmMounts(t, d),
		Command: []string{"/opt/jdk/bin/java", "-XX:NativeMemoryTracking=summary", "-Xmx64m", "-cp", "/app", "App"},
	})
	jvmem := sidecar.NewClient(t, sidecar.FreeAddress(t))
	container := start(pod.Container{
		Name: "jvmem", Image: image, LimitBytes: 64 * mib,
		Env: []string{"JVMEM_LISTEN=" + jvmem.Address, "JVMEM_INTERVAL=500ms", "JVMEM_MAX_CPU=0", "JVMEM_CONTAINER_NAME=app"},
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := jvmem.Get("/readyz")
		table, code, execErr := d.Exec(ctx, container, "/jvmem", "breakdown")
		if err == nil && execErr == nil && code == 0 && strings.Contains(table, "container app") {
			break
		}
		if state, stateErr := d.State(ctx, jvm); time.Now().After(end) || stateErr != nil || !state.Running {
			_, complaints, _ := d.Logs(ctx, jvm)
			stdout, stderr, _ := d.Logs(ctx, container)
			t.Fatalf("the JVM: %+v %v %s\n/readyz: %v\njvmem breakdown: exit code %d %v\n%s%s%s", state, stateErr, complaints, err, code, execErr, table, stdout, stderr)
		}
	}
	// Once, next to a container.
	if out, err := d.Do(ctx, "run", "--rm", "--pid=container:"+jvm, "--user="+user, "--read-only", "--cap-drop=ALL", "--network=none", image, "breakdown"); err != nil {
		t.Errorf("next to a container: %v\n%s", err, out)
	}
	if err := d.StopPod(ctx, id); err != nil {
		t.Error(err)
	}
}

// jvmMounts returns mounts of this machine's JDK and libraries, a program and a writable
// folder.
func jvmMounts(t *testing.T, d *docker.Daemon) []pod.Mount {
	t.Helper()
	java, err := exec.LookPath("java")
	if err == nil {
		java, err = filepath.EvalSymlinks(java)
	}
	if err != nil {
		t.Fatal(err)
	}
	tmp, err := d.Folder()
	if err != nil {
		t.Fatal(err)
	}
	classes, err := d.Folder()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(classes, "App.java")
	if err := os.WriteFile(source, []byte(app), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "javac", source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return []pod.Mount{
		{Source: "/usr", Target: "/usr", ReadOnly: true},
		{Source: filepath.Dir(filepath.Dir(java)), Target: "/opt/jdk", ReadOnly: true},
		{Source: classes, Target: "/app", ReadOnly: true},
		{Source: tmp, Target: "/tmp"},
	}
}
