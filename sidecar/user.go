package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/httpapi"
	"github.com/jvmem/jvmem/sidecar/sample"
	"github.com/jvmem/jvmem/sidecar/user"
)

// UserJVM makes Serve, started as root, run as the user of the JVM.
const UserJVM = "jvm"

// foreignGrace is how long a JVM of the present user is waited for while one of another user
// runs: longer than a container takes to restart.
const foreignGrace = time.Minute

const fixUnshared = "let the pod share its process namespace (shareProcessNamespace: true)"

// errOtherUser ends Serve without an error.
var errOtherUser = errors.New("only JVMs of another user run")

// takeUser waits for a JVM and takes over its user. It returns nil, and changes nothing, if
// jvmem lacks the capabilities for it. After an error jvmem may have changed in part.
func takeUser(ctx context.Context, o *ServeOptions, state *httpapi.State) (*user.JVM, error) {
	if err := user.Able(); err != nil {
		o.Log.WarnContext(ctx, "--user=jvm has no effect: "+err.Error()+": "+user.Fix)
		return nil, nil
	}
	looks := newSearch()
	looks.begin()
	// It must be there for two looks: a start script may run `java -version` as another user.
	for before := (&user.Found{}); ; {
		found, err := user.Find(o.Proc, o.PID)
		if j, ok := found.Choose(before); ok {
			return &j, become(ctx, o, j, &found)
		}
		before = &found
		pause, report := firstLook, breakdown.Report{Schema: breakdown.Schema, Time: time.Now(), Pod: o.Pod, Containers: []breakdown.Container{}}
		if len(found.JVMs) == 0 {
			if err == nil {
				err = found.Why()
			}
			pause = looks.pause(o.Interval)
			report.Sources = []jvm.Source{{Name: "processes", Reason: "waiting for a JVM: " + err.Error(), Fix: fixUnshared}}
			looks.tell(time.Now(), &report.Sources[0], o.Log.Logger)
		}
		state.SetReport(&report)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// TakeUser takes over the user of a JVM that runs already, if name is UserJVM. Where jvmem
// lacks the capabilities for it, it remains as it was started, and the source has the reason.
func TakeUser(name string, o sample.Options) (*jvm.Source, error) {
	if name != UserJVM {
		return nil, nil
	}
	if err := user.Able(); err != nil {
		return &jvm.Source{Name: "user", Reason: "--user=jvm has no effect: " + err.Error(), Fix: user.Fix}, nil
	}
	found, err := user.Find(o.Proc, o.PID)
	if err != nil {
		return nil, err
	}
	j, ok := found.Choose(nil)
	if !ok {
		return nil, found.Why()
	}
	return nil, user.Become(j)
}

// become takes over the user of a JVM and logs what that means.
func become(ctx context.Context, o *ServeOptions, j user.JVM, found *user.Found) error {
	missing, err := j.Missing()
	if err != nil {
		return err
	}
	if err := user.Become(j); err != nil {
		return fmt.Errorf("take over user %s of the JVM in process %d: %w", j.User(), j.PID, err)
	}
	switch {
	case j.UID != 0:
		o.Log.InfoContext(ctx, fmt.Sprintf("jvmem has taken over the user of the JVM in process %d: UID %d, GID %d, no capabilities", j.PID, j.UID, j.GID))
	case missing == "":
		o.Log.InfoContext(ctx, fmt.Sprintf("jvmem remains root, as is the JVM in process %d, with its capabilities and no others", j.PID))
	default:
		o.Log.WarnContext(ctx, fmt.Sprintf("the JVM in process %d runs as root with capabilities that jvmem lacks (%s), so its memory cannot be read: remove capabilities from the securityContext of the jvmem container, or set capabilities: {drop: [ALL]} in that of the JVM's container", j.PID, missing))
	}
	for _, other := range found.Others(j) {
		o.Log.WarnContext(ctx, fmt.Sprintf("the JVM in process %d runs as user %s, and its memory cannot be read: jvmem has taken over user %s of the JVM in process %d. Set the same runAsUser and runAsGroup for both containers", other.PID, other.User(), j.User(), j.PID))
	}
	if o.StateDir != "" && errors.Is(unix.Access(o.StateDir, unix.W_OK|unix.X_OK), os.ErrPermission) {
		o.Log.WarnContext(ctx, fmt.Sprintf("user %s of the JVM may not write to --state-dir %s: history, incidents and autopsies are kept in memory only: mount an emptyDir there, or make the folder writable for that user", j.User(), o.StateDir))
	}
	return nil
}

// checkUser ends the loop if jvmem has the user of a JVM that ended, and only JVMs of other
// users run. It cannot become one of those: it has no privilege left. Kubernetes restarts a
// native sidecar whatever its exit code is; that is 0, so a Job does not fail by it.
func (l *loop) checkUser(ctx context.Context) error {
	if l.user == nil {
		return nil
	}
	pid, uid, gid, other := l.sampler.Other(l.user.UID, l.user.GID)
	switch {
	case !other:
		l.foreign = time.Time{}
	case l.foreign.IsZero():
		l.foreign = time.Now()
	case time.Since(l.foreign) > foreignGrace:
		l.options.Log.WarnContext(ctx, fmt.Sprintf("no JVM of user %s runs any more, and that in process %d runs as user %d:%d: jvmem exits to be restarted, and to take over that user", l.user.User(), pid, uid, gid))
		return errOtherUser
	}
	return nil
}
